/** From a request and what was looked up for it to the vector that the model sees. */
import { COLUMNS, ID, LOOKED_UP, ON_DEMAND, TIME, VECTOR } from "./definition.js";
import { STEPS } from "./expressions.js";
import { type Columns, type Row, type Value, checked, rulesOf } from "./rows.js";
import { apply } from "./steps.js";
import type { Features } from "./answers.js";
import type { OnDemand, Request } from "./types.js";

const NAMES: readonly string[] = VECTOR;
const REQUEST = rulesOf(COLUMNS, [ID], false, []);
const FEATURES = rulesOf(LOOKED_UP, [], true, ON_DEMAND);

/** Every column of a request: its own, what was looked up, and what is computed of both. */
export interface Computed {
  readonly values: Row;
  readonly vector: Float32Array;
}

/** The request's own columns and what was looked up, checked; where there is no event time it is of `nowUs`. */
export function rowOf(request: Request, features: Features, nowUs: bigint, row: number | null = null): Row {
  const values = checked(request, REQUEST, row);
  values[TIME] ??= nowUs;
  return checked(features, FEATURES, row, values);
}

/** The row with every computed column, and the vector. */
export function compute(values: Row): Computed {
  apply(values, STEPS, ON_DEMAND);
  return { values, vector: vectorOf(values) };
}

/** float64 values cast once; null, and what has no float32, is NaN. */
function vectorOf(values: Row): Float32Array {
  const vector = new Float32Array(NAMES.length);
  for (let i = 0; i < vector.length; i++) vector[i] = number(values[NAMES[i] as string] ?? null);
  return vector.map((value) => (Number.isFinite(value) ? value : Number.NaN));
}

function number(value: Value): number {
  return value === null ? Number.NaN : Number(value);
}

/**
 * The on-demand features of a request.
 *
 * Throws InvalidRequest for a request or features that do not fit. A request without an event time is of `nowUs`.
 */
export function onDemand(request: Request, features: Features, nowUs = BigInt(Date.now()) * 1000n): OnDemand {
  const { values } = compute(rowOf(request, features, nowUs));
  const found: Record<string, Value> = {};
  for (const [name] of ON_DEMAND as Columns) found[name] = values[name] ?? null;
  return found as unknown as OnDemand;
}
