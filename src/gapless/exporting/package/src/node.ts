/** Node: the model runs in onnxruntime-node. */
import { readFile } from "node:fs/promises";
import { type LoadOptions, type Platform, check, load, opened, runtime } from "./loading.js";
import type { Graph, Model } from "./model.js";

export * from "./common.js";

/**
 * The model, ready to answer.
 *
 * Throws CannotLoad where onnxruntime-node or a file is not there; SelfCheckFailed.
 */
export async function loadModel(options: LoadOptions = {}): Promise<Model> {
  return load(NODE, options);
}

/** Throws SelfCheckFailed where the package does not give its golden answers on this machine. */
export async function selfCheck(options: LoadOptions = {}): Promise<void> {
  await check(NODE, await load(NODE, { ...options, selfCheck: false }), options);
}

const NODE: Platform = {
  read: async (where) => readFile(typeof where === "string" && /^file:/.test(where) ? new URL(where) : where),
  graph: async (model) => {
    const ort = await runtime("onnxruntime-node", () => import("onnxruntime-node"));
    const session = await opened(() =>
      ort.InferenceSession.create(model, {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        extra: { session: { intra_op: { allow_spinning: "0" } } },
      }),
    );
    return async (vectors, rows) => {
      const features = new ort.Tensor("float32", vectors, [rows, vectors.length / rows]);
      const found = await session.run({ features });
      return Object.fromEntries(session.outputNames.map((name) => [name, found[name]?.data as Float32Array]));
    };
  },
} satisfies { graph: (model: Uint8Array, options: LoadOptions) => Promise<Graph> } & Platform;
