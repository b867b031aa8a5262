/** From files to a model that has shown that it answers right. */
import { CannotLoad } from "./errors.js";
import { type Graph, Model } from "./model.js";
import { RULES } from "./definition.js";
import type { TrustRules } from "./judging.js";
import { selfCheckOf } from "./golden.js";

/** Where the files are, and the effects of a model. */
export interface LoadOptions {
  /** The ONNX file: its bytes, or where it lies. By default the one of this package. */
  readonly model?: Uint8Array | URL | string;
  /** Golden answers, where they are not beside the package's model. */
  readonly golden?: URL | string;
  /** In browsers: the URL of the folder that serves onnxruntime-web's `.wasm` and `.mjs` files. */
  readonly wasmPaths?: string;
  /**
   * Whether the golden answers are computed once before the model answers; by default unless NODE_ENV is "production".
   */
  readonly selfCheck?: boolean;
  /** Rules of trust other than the author's. */
  readonly trust?: Partial<TrustRules>;
  /** The clock: microseconds since 1970-01-01 UTC. */
  readonly nowUs?: () => bigint;
}

/** What differs between Node and browsers. */
export interface Platform {
  readonly read: (where: URL | string) => Promise<Uint8Array>;
  readonly graph: (model: Uint8Array, options: LoadOptions) => Promise<Graph>;
}

/** The files of this package; bundlers see the two literals and serve the files. */
export const MODEL_FILE = (): URL => new URL("../model.onnx", import.meta.url);
export const GOLDEN_FILE = (): URL => new URL("../golden.json", import.meta.url);

/** The model, checked against its golden answers where that is asked for. */
export async function load(platform: Platform, options: LoadOptions): Promise<Model> {
  const { model: where = MODEL_FILE() } = options;
  const bytes = where instanceof Uint8Array ? where : await read(platform, where);
  const graph = await platform.graph(bytes, options);
  const model = new Model(graph, {
    nowUs: options.nowUs ?? (() => BigInt(Date.now()) * 1000n),
    rules: { ...RULES, ...options.trust },
  });
  if (options.selfCheck ?? !inProduction()) await check(platform, model, options);
  return model;
}

/** Throws SelfCheckFailed where expressions or model do not give their golden answers here. */
export async function check(platform: Platform, model: Model, options: LoadOptions): Promise<void> {
  const text = new TextDecoder().decode(await read(platform, options.golden ?? GOLDEN_FILE()));
  await selfCheckOf(JSON.parse(text), model);
}

async function read(platform: Platform, where: URL | string): Promise<Uint8Array> {
  try {
    return await platform.read(where);
  } catch (cause) {
    const next_step = "pass the option model (and golden) with the bytes or the place of the file";
    const facts = { code: "no_file", message: "a file of the package cannot be read", seen: String(where), next_step };
    throw new CannotLoad(facts, null, null, cause);
  }
}

/** A runtime that is not installed, as an error that names it. */
export async function runtime<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const facts = { code: "no_runtime", message: `${name} cannot be loaded`, next_step: `npm install ${name}` };
    throw new CannotLoad(facts, null, null, cause);
  }
}

/** The session, or an error that says what the model's file is not. */
export async function opened<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    const facts = {
      code: "model_unreadable",
      message: "onnxruntime cannot load the model",
      seen: String(cause),
      next_step: "compare the file's sha256 with manifest.json, and the runtime's version with package.json",
    };
    throw new CannotLoad(facts, null, null, cause);
  }
}

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

/** Bundlers put a text in place of the words; a browser without one has no such words, and is in development. */
function inProduction(): boolean {
  try {
    return process.env["NODE_ENV"] === "production";
  } catch {
    return false;
  }
}
