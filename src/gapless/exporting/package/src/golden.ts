/** The package proves itself: expressions bit by bit, the model within the tolerance that its bundle states. */
import { COLUMNS, LOOKED_UP, ON_DEMAND, VECTOR } from "./definition.js";
import { SelfCheckFailed } from "./errors.js";
import type { Model } from "./model.js";
import type { Columns, Kind, Row, Value } from "./rows.js";
import { compute } from "./vectors.js";

type Coded = string | boolean | null;

/** The shape of golden.json. */
interface Golden {
  readonly requests: readonly {
    readonly request: readonly Coded[];
    readonly features: readonly Coded[];
    readonly on_demand: readonly Coded[];
    readonly vector: string;
  }[];
  readonly model: {
    readonly rows: readonly string[];
    readonly outputs: { readonly prediction: string; readonly probability?: string };
    readonly tolerance: number;
  };
}

/** What was compared. */
export interface Checked {
  readonly expressions: number;
  readonly vectors: number;
  readonly answers: number;
  /** The largest difference of an answer; 0 where every bit is that of the bundle. */
  readonly largest: number;
}

/** Throws SelfCheckFailed naming the first value that differs. */
export async function selfCheckOf(document: unknown, model: Model): Promise<Checked> {
  const golden = document as Golden;
  golden.requests.forEach(checkRequest);
  const largest = await checkModel(golden.model, model);
  return {
    expressions: golden.requests.length * ON_DEMAND.length,
    vectors: golden.requests.length,
    answers: golden.model.rows.length,
    largest,
  };
}

function checkRequest(one: Golden["requests"][number], place: number): void {
  const { values, vector } = compute(decoded([...one.request, ...one.features], [...COLUMNS, ...LOOKED_UP]));
  (ON_DEMAND as Columns).forEach(([name, kind], i) => {
    const found = encode(values[name] ?? null, kind);
    if (found !== one.on_demand[i]) fail(`row ${place}, ${name}`, found, one.on_demand[i] ?? null);
  });
  const bits = hexOf(vector);
  if (bits !== one.vector) fail(`row ${place}, the vector`, bits, one.vector);
}

async function checkModel(golden: Golden["model"], model: Model): Promise<number> {
  const width = VECTOR.length;
  const vectors = new Float32Array(golden.rows.length * width);
  golden.rows.forEach((row, i) => vectors.set(floatsOf(row), i * width));
  const named = golden.outputs.probability === undefined ? "prediction" : "probability";
  const expected = floatsOf(golden.outputs[named] as string);
  let largest = compared((await model.score(vectors))[named], expected, 0, golden.tolerance);
  for (let i = 0; i < golden.rows.length; i++) {
    const alone = (await model.score(vectors.subarray(i * width, (i + 1) * width)))[named];
    largest = Math.max(largest, compared(alone, expected.subarray(i, i + 1), i, golden.tolerance));
  }
  return largest;
}

function compared(found: Float32Array | null, expected: Float32Array, first: number, tolerance: number): number {
  let largest = 0;
  expected.forEach((wanted, i) => {
    const value = found?.[i] ?? Number.NaN;
    if (Number.isNaN(wanted) && Number.isNaN(value)) return;
    const difference = Math.abs(value - wanted);
    if (!(difference <= tolerance * Math.max(1, Math.abs(wanted)))) fail(`model, row ${first + i}`, value, wanted);
    largest = Math.max(largest, difference);
  });
  return largest;
}

function fail(where: string, seen: unknown, expected: unknown): never {
  throw new SelfCheckFailed({
    code: "golden_differs",
    message: `the package does not give its golden answers here: ${where}`,
    seen: String(seen),
    allowed: String(expected),
    next_step: "compare the files with manifest.json and the runtime with package.json, or export again",
  });
}

function decoded(coded: readonly Coded[], columns: Columns): Row {
  const row = Object.create(null) as Row;
  columns.forEach(([name, kind], i) => (row[name] = decode(coded[i] ?? null, kind)));
  return row;
}

/** A value from JSON that kept its bits: 64 of them in hex for a number, microseconds as text for an instant. */
export function decode(coded: Coded, kind: Kind): Value {
  if (coded === null || typeof coded === "boolean" || kind === "string") return coded;
  if (kind === "timestamp") return BigInt(coded);
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${coded}`));
  return view.getFloat64(0);
}

/** What `decode` was given. */
export function encode(value: Value, kind: Kind): Coded {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint" || kind === "timestamp") return value.toString();
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** Little-endian float32 values as hex, and back. */
export function hexOf(values: Float32Array): string {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  // A NaN has many bit patterns and a cast picks one: all of them are the one that Python writes.
  values.forEach((value, i) => (Number.isNaN(value) ? view.setUint32(i * 4, 0x7fc00000, true) : view.setFloat32(i * 4, value, true)));
  return Array.from(new Uint8Array(view.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function floatsOf(hex: string): Float32Array {
  const view = new DataView(new ArrayBuffer(hex.length / 2));
  for (let i = 0; i < view.byteLength; i++) view.setUint8(i, Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}
