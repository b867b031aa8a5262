/** Browsers: the model runs in onnxruntime-web, as WebAssembly on one thread. */
import { type LoadOptions, type Platform, check, load, opened, runtime } from "./loading.js";
import type { Model } from "./model.js";

export * from "./common.js";

/**
 * The model, ready to answer. Its files are fetched from beside the package, or from where the options say.
 *
 * Throws CannotLoad where onnxruntime-web or a file is not there; SelfCheckFailed.
 */
export async function loadModel(options: LoadOptions = {}): Promise<Model> {
  return load(BROWSER, options);
}

/** Throws SelfCheckFailed where the package does not give its golden answers in this browser. */
export async function selfCheck(options: LoadOptions = {}): Promise<void> {
  await check(BROWSER, await load(BROWSER, { ...options, selfCheck: false }), options);
}

const BROWSER: Platform = {
  read: async (where) => {
    const answer = await fetch(where);
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return new Uint8Array(await answer.arrayBuffer());
  },
  graph: async (model, options) => {
    const ort = await runtime("onnxruntime-web", () => import("onnxruntime-web/wasm"));
    ort.env.wasm.numThreads = 1;
    if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
    const session = await opened(() => ort.InferenceSession.create(model, { executionProviders: ["wasm"] }));
    let last: Promise<unknown> = Promise.resolve();
    return async (vectors, rows) => {
      const features = new ort.Tensor("float32", vectors, [rows, vectors.length / rows]);
      const run = last.then(() => session.run({ features })); // one after the other: there is one thread
      last = run.catch(() => undefined);
      const found = await run;
      return Object.fromEntries(session.outputNames.map((name) => [name, found[name]?.data as Float32Array]));
    };
  },
};
