/** Values of one row as they come in: checked, and canonical before the first operation. */

/**
 * Microseconds since 1970-01-01 UTC: a number wherever a number holds them exactly (1684 to 2255), a bigint beyond.
 * So one instant has one form, `===` and `<` compare instants, and what is near us in time never costs a bigint.
 */
export type Timestamp = number | bigint;

/** A row that cannot be used: which field, what was seen, what is allowed. */
export class InputError extends Error {
  override readonly name = "InputError";

  constructor(
    what: string,
    readonly field: string,
    readonly seen: unknown,
    readonly allowed: string,
  ) {
    super(`${what}\n  field:   ${field}\n  seen:    ${shown(seen)}\n  allowed: ${allowed}`);
  }
}

const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;
const SAFE = 9007199254740991;
const LONE_SURROGATE = /\p{Cs}/u;

/** A number; null for null, undefined, NaN and ±Infinity. */
export function readFloat(field: string, value: unknown): number | null {
  if (typeof value === "number") return value - value === 0 ? value : null;
  if (value === null || value === undefined) return null;
  return refuse(field, value, "a number or null");
}

/** True or false. */
export function readBool(field: string, value: unknown): boolean | null {
  if (typeof value === "boolean") return value;
  if (value === null || value === undefined) return null;
  return refuse(field, value, "true, false or null");
}

/** A text that UTF-8 can hold. */
export function readString(field: string, value: unknown): string | null {
  if (typeof value === "string") {
    return LONE_SURROGATE.test(value) ? refuse(field, value, "Unicode text without lone surrogates") : value;
  }
  if (value === null || value === undefined) return null;
  return refuse(field, value, "a text or null");
}

/** Whole microseconds since 1970-01-01 UTC that fit in 64 bits: a safe integer or a bigint. */
export function readTimestamp(field: string, value: unknown): Timestamp | null {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value + 0;
  if (typeof value === "bigint" && value >= LOWEST && value <= HIGHEST) return canonical(value);
  if (value === null || value === undefined) return null;
  return refuse(field, value, "whole microseconds since 1970-01-01 UTC (a safe integer or a bigint of 64 bits), or null");
}

/** The instant of a bigint. */
export function canonical(us: bigint): Timestamp {
  return us >= -SAFE && us <= SAFE ? Number(us) : us;
}

/** Refuses a row that is no object, or that has a field which no expression reads. */
export function checkFields(row: object, fields: ReadonlySet<string>): void {
  if (typeof row !== "object" || row === null) {
    throw new InputError("a row is an object", "(row)", row, [...fields].join(", "));
  }
  for (const field in row) {
    if (!fields.has(field)) {
      throw new InputError("a field that nothing reads", field, field, [...fields].join(", ") || "(no fields)");
    }
  }
}

/** A field whose name every object inherits something under. */
export function own(row: object, field: string): unknown {
  return Object.prototype.hasOwnProperty.call(row, field) ? (row as Readonly<Record<string, unknown>>)[field] : undefined;
}

function refuse(field: string, seen: unknown, allowed: string): never {
  throw new InputError("a field holds a value of another type", field, seen, allowed);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : typeof value === "bigint" ? `${value}n` : plain(value);
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}

function plain(value: unknown): string {
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value);
}
