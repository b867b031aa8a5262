/** Rows as callers write them, checked and made into the values that expressions see. */
import { InvalidRequest } from "./errors.js";
import { INSTANT, microseconds, text } from "./instants.js";

/** What a column holds. `int` is a number that is whole. */
export type Kind = "float" | "int" | "bool" | "string" | "timestamp";
/** A value as expressions see it; an instant is whole microseconds. */
export type Value = number | boolean | string | bigint | null;
/** Checked values by column. It has no prototype: every name is free for a column. */
export type Row = Record<string, Value>;
/** Columns with what they hold, in order. */
export type Columns = readonly (readonly [name: string, kind: Kind])[];

const ALLOWED: Readonly<Record<Kind, string>> = {
  float: "a number",
  int: "a whole number from -2^53 to 2^53",
  bool: "true or false",
  string: "a text",
  timestamp: INSTANT,
};

/** How a row is checked. */
export interface Rules {
  /** The columns that it may have. */
  readonly columns: Columns;
  /** Those that must be there and not null. */
  readonly required: readonly string[];
  /** Every column must be there, be it null: one that is absent is a mistake and no unknown value. */
  readonly complete: boolean;
  /** Names that a row may have: its columns, and those that are not looked at. */
  readonly known: ReadonlySet<string>;
}

/** The rules of these columns. */
export function rulesOf(columns: Columns, required: readonly string[], complete: boolean, ignored: Columns): Rules {
  const known = new Set([...columns, ...ignored].map(([name]) => name));
  return { columns, required, complete, known };
}

/** A row without columns. */
export function emptyRow(): Row {
  return Object.create(null) as Row;
}

/**
 * The row's values, null where they are absent, added to `values`.
 *
 * Throws InvalidRequest for an unknown or a missing column, and for a value that its column does not hold.
 */
export function checked(given: object, rules: Rules, row: number | null = null, values: Row = emptyRow()): Row {
  for (const [name, kind] of rules.columns) {
    const value: unknown = Object.hasOwn(given, name) ? (given as Record<string, unknown>)[name] : undefined;
    const needed = rules.required.includes(name);
    if (value === undefined && (rules.complete || needed)) {
      throw problem("missing_field", "it is needed", row, name, undefined, allowed(kind, needed));
    }
    if ((value === undefined || value === null) && !needed) {
      values[name] = null;
      continue;
    }
    const found = valueOf(value, kind);
    if (found === undefined) {
      throw problem("wrong_type", "a value that its column does not hold", row, name, value, allowed(kind, needed));
    }
    values[name] = found;
  }
  refuseUnknown(given, rules, row);
  return values;
}

function refuseUnknown(given: object, rules: Rules, row: number | null): void {
  for (const name of Object.keys(given)) {
    if (!rules.known.has(name)) {
      const known = rules.columns.map(([column]) => column).join(", ");
      throw problem("unknown_field", "there is no such column", row, name, undefined, known);
    }
  }
}

function valueOf(value: unknown, kind: Kind): Value | undefined {
  switch (kind) {
    case "float": // what is not finite is missing, as everywhere
      return typeof value !== "number" ? undefined : Number.isFinite(value) ? value : null;
    case "int":
      return Number.isInteger(value) && Math.abs(value as number) <= 2 ** 53 ? (value as number) : undefined;
    case "bool":
      return typeof value === "boolean" ? value : undefined;
    case "string": // half of a surrogate pair is no text
      return typeof value === "string" && !/\p{Surrogate}/u.test(value) ? value : undefined;
    case "timestamp":
      return microseconds(value);
  }
}

function allowed(kind: Kind, needed: boolean): string {
  return ALLOWED[kind] + (needed ? "" : ", or null");
}

function problem(
  code: string,
  message: string,
  row: number | null,
  field: string,
  seen: unknown,
  permitted: string,
): InvalidRequest {
  const next_step = "mend the field that is named; what is not known is null";
  return new InvalidRequest({ code, message, row, field, seen: plain(seen), allowed: permitted, next_step });
}

function plain(seen: unknown): unknown {
  if (seen === null || typeof seen === "boolean" || typeof seen === "number" || typeof seen === "string") return seen;
  return seen === undefined ? null : typeof seen === "bigint" ? seen.toString() : typeof seen;
}

/** Checked values as JSON holds them: instants as text. */
export function asJson(row: Row, columns: Columns): Record<string, number | boolean | string | null> {
  const plainRow = Object.create(null) as Record<string, number | boolean | string | null>;
  for (const [name] of columns) {
    const value = row[name] ?? null;
    plainRow[name] = typeof value === "bigint" ? text(value) : value;
  }
  return plainRow;
}
