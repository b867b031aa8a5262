// How long a package takes to load, to check itself and to answer. Node and browsers run it.
import { decode } from "./package/dist/golden.js";

const named = (values, columns) => Object.fromEntries(columns.map(([name, kind], i) => [name, decode(values[i], kind)]));

export default async function timed(gapless, { rows, passes }, options) {
  const clock = async (act) => {
    const began = performance.now();
    await act();
    return performance.now() - began;
  };
  let model;
  const loadMs = await clock(async () => (model = await gapless.loadModel({ ...options, selfCheck: false })));
  const checkMs = await clock(() => gapless.selfCheck(options));
  const asked = rows.map(({ request, features }) => ({
    request: named(request, gapless.COLUMNS),
    features: named(features, gapless.LOOKED_UP),
  }));
  let answers = [];
  const alone = [];
  const together = [];
  for (let pass = 0; pass < passes; pass++) {
    alone.push(await clock(async () => {
      for (const { request, features } of asked) await model.predict(request, features);
    }));
    together.push(await clock(async () => (answers = await model.predictMany(asked))));
  }
  const us = (took) => (Math.min(...took) * 1000) / asked.length;
  return { load_ms: loadMs, check_ms: checkMs, alone_us: us(alone), together_us: us(together), answers };
}
