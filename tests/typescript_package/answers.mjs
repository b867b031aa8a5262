// What a package makes of requests: on-demand features as bits, answers alone and together. Node and browsers run it.
import { decode, encode } from "./package/dist/golden.js";

const named = (values, columns) => Object.fromEntries(columns.map(([name, kind], i) => [name, decode(values[i], kind)]));

export default async function answers(gapless, { rows, trust, alone }, options) {
  const model = await gapless.loadModel({ ...options, trust });
  const asked = rows.map(({ request, features, views, reasons }) => ({
    request: named(request, gapless.COLUMNS),
    features: named(features, gapless.LOOKED_UP),
    seen: { ...(views === undefined ? {} : { views }), ...(reasons === undefined ? {} : { reasons }) },
  }));
  const together = await model.predictMany(asked);
  const one = asked.slice(0, alone).map(({ request, features, seen }) => model.predict(request, features, seen));
  return {
    on_demand: asked.map(({ request, features }) => {
      const found = gapless.onDemand(request, features);
      return gapless.ON_DEMAND.map(([name, kind]) => encode(found[name], kind));
    }),
    answers: together,
    alone: await Promise.all(one),
  };
}
