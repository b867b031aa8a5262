// A package's client against a real server: what it is told, what its errors are.

export default async function client(gapless, { url, tokens, requests }) {
  const { GaplessClient, MODEL } = gapless;
  const made = (options) => new GaplessClient({ baseUrl: url, token: tokens.predict, ...options });
  const errorOf = async (act) => {
    try {
      await act();
    } catch (error) {
      return [error.name, error.status, error.code, error.row, error.field];
    }
    return ["nothing was thrown"];
  };

  const predictions = await made().predict(MODEL, requests);
  const features = await made().features(MODEL, requests);
  const keys = [{ customer_id: "c1" }];
  const viewFeatures = await made({ token: tokens.read }).viewFeatures(["spend"], keys, { at: requests[0].asked_at });
  const model = await gapless.loadModel();
  const seen = (row) => ({ views: features.views, reasons: row.reasons });
  const here = await model.predictMany(
    requests.map((request, i) => ({
      request,
      features: features.features[i].values,
      seen: seen(features.features[i]),
    })),
  );

  // the server's own refusal of a value: one that is written into what is sent after it was checked
  const spoiled = (address, sent) => fetch(address, { ...sent, body: sent.body.replace("55.5", '"far"') });
  const swapped = [requests[1], requests[0]];
  const slowly = (address, sent) =>
    new Promise((resolve, reject) => sent.signal.addEventListener("abort", () => reject(sent.signal.reason)));
  const errors = {
    "wrong value": await errorOf(() => made({ fetch: spoiled }).predict(MODEL, swapped)),
    "no token": await errorOf(() => new GaplessClient({ baseUrl: url }).predict(MODEL, requests)),
    "bad token": await errorOf(() => made({ token: "gl_no_such_token" }).predict(MODEL, requests)),
    role: await errorOf(() => made({ token: tokens.read }).predict(MODEL, requests)),
    "no view": await errorOf(() => made().viewFeatures(["nothing"], [{}])),
    timeout: await errorOf(() => made({ fetch: slowly, timeoutMs: 50 }).predict(MODEL, requests)),
    "nobody there": await errorOf(() => made({ baseUrl: "http://127.0.0.1:9", backoff: { retries: 0 } }).predict(MODEL, requests)),
  };

  const stop = new AbortController();
  const asked = made({ fetch: slowly }).predict(MODEL, requests, { signal: stop.signal });
  stop.abort(new Error("the page was left"));
  const aborted = await asked.then(() => null, (error) => error.message);

  let tries = 0;
  const later = async (address, sent) => (++tries < 3 ? new Response("{}", { status: 503 }) : fetch(address, sent));
  const { version } = await made({ fetch: later, backoff: { firstMs: 1 } }).predict(MODEL, requests);

  const pauses = [];
  const sleep = async (ms) => {
    pauses.push(ms);
    await new Promise((resolve) => setTimeout(resolve, ms));
  };
  const versions = [];
  for (let i = 0; i < 3; i++) {
    versions.push((await made({ token: tokens.slow, sleep, timeoutMs: 30_000 }).predict(MODEL, requests)).version);
  }
  return {
    predictions,
    features,
    "view features": viewFeatures.features,
    here,
    errors,
    aborted,
    "after 503": { tries, version },
    "after 429": { versions, pauses: pauses.length },
  };
}
