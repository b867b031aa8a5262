/** How far to trust an answer: the rules that a server applies, over what training saw. */
import {
  DEFAULT_LEVELS,
  ENTITIES,
  HIGH,
  LOW,
  ROW_MISSING,
  TRAINED_UNTIL_US,
  VECTOR,
  VIEWS,
  VIEW_OF,
} from "./definition.js";
import { InvalidRequest } from "./errors.js";
import { INSTANT, microseconds } from "./instants.js";
import type { Computed } from "./vectors.js";
import type { Row, Value } from "./rows.js";

export type Level = "ok" | "degraded" | "unreliable";
/** Why an answer is trusted less: a code, its level, and facts. */
export interface Reason {
  readonly code: string;
  readonly level: Level;
  readonly [fact: string]: unknown;
}
/** All that the views tell of one entity, with what each column reads in an empty window. */
export interface Entity {
  readonly entity: string;
  readonly columns: readonly (readonly [column: string, nothing: number | boolean | null])[];
}
export interface Judged {
  readonly trust: Level;
  readonly reasons: Reason[];
}

/** What is known of a look-up, as `POST /v1/features` tells it; what is not said is not judged. */
export interface Seen {
  /** By view: up to when its state knows everything, and how old it may be. A view with `as_of: null` holds nothing. */
  readonly views?: Readonly<Record<string, Freshness>>;
  /** What went wrong for this row. */
  readonly reasons?: readonly { readonly code: string; readonly view?: string }[];
}
export interface Freshness {
  readonly as_of: string | bigint | Date | null;
  readonly expected_us?: number | null;
}

/** The rules of trust: how its author judges this model is `RULES` of `definition.ts`. */
export interface TrustRules {
  /** Other levels for codes; "ok" turns a rule off. */
  readonly levels: Readonly<Record<string, Level>>;
  /** Views and features that do not count for staleness, unseen entities and ranges. */
  readonly ignore: readonly string[];
  /** How long after the end of the training data a request may lie; null: no limit. */
  readonly maxModelAgeUs: bigint | null;
  /** The share of features that may be missing; null: one half, or what 99 of 100 training rows had. */
  readonly missingLimit: number | null;
  /** How far beyond the range of training a value may be, as a share of that range. */
  readonly rangeMargin: number;
}

type Facts = Record<string, unknown>;
type Found = Map<string, Facts[]>;
const LEVELS: readonly Level[] = ["ok", "degraded", "unreliable"];
const MOST_PER_CODE = 5;
const USUAL_MISSING = 0.5;

/** The level of an answer and the reasons for it. */
export function judge(row: Computed, atUs: bigint, seen: Seen, answered: boolean, rules: TrustRules): Judged {
  const found: Found = new Map();
  const away = seen.reasons?.some((one) => one.code === "store_unreachable") ?? false;
  if (away) add(found, "store_unreachable", { features: VIEW_OF.size });
  else judgeViews(found, row.values, atUs, seen, rules);
  if (!answered) add(found, "no_answer", {});
  judgeRanges(found, row.vector, rules);
  judgeMissing(found, row.vector, rules);
  judgeAge(found, atUs, rules);
  return graded(found, rules);
}

function judgeViews(found: Found, values: Row, atUs: bigint, seen: Seen, rules: TrustRules): void {
  const told = (code: string, view: string): boolean =>
    seen.reasons?.some((one) => one.code === code && one.view === view) ?? false;
  const absent = new Set<string>();
  for (const [view, expected] of VIEWS) {
    const damaged = told("state_damaged", view);
    const known = seen.views === undefined || !Object.hasOwn(seen.views, view) ? undefined : seen.views[view];
    const asOf = known === undefined ? undefined : known.as_of === null ? null : instant(known.as_of);
    if (asOf === null) add(found, "not_materialized", { view });
    else if (damaged) add(found, "state_damaged", { view });
    else if (asOf !== undefined && !rules.ignore.includes(view)) {
      const limit = BigInt(known?.expected_us ?? expected);
      if (atUs - asOf > limit) {
        add(found, "feature_stale", { view, age_us: Number(atUs - asOf), expected_us: Number(limit) });
      }
    }
    if (asOf === null || damaged) absent.add(view);
    if (told("asked_in_past", view) && !damaged) add(found, "asked_in_past", { view });
  }
  for (const { entity, columns } of ENTITIES) {
    const counted = columns.filter(([column]) => !rules.ignore.includes(VIEW_OF.get(column) ?? ""));
    const there = counted.every(([column]) => !absent.has(VIEW_OF.get(column) ?? ""));
    const empty = counted.every(([column, nothing]) => same(values[column] ?? null, nothing));
    if (counted.length > 0 && there && empty) add(found, "entity_unseen", { entity });
  }
}

function judgeRanges(found: Found, vector: Float32Array, rules: TrustRules): void {
  if (LOW === null || HIGH === null) return;
  for (let i = 0; i < vector.length; i++) {
    const value = vector[i] as number;
    if (Number.isNaN(value)) continue;
    const [low, high] = [LOW[i] ?? null, HIGH[i] ?? null];
    if (low !== null && high !== null && isWithin(value, low, high, rules.rangeMargin)) continue;
    const name = VECTOR[i] as string;
    if (rules.ignore.includes(name) || rules.ignore.includes(VIEW_OF.get(name) ?? "")) continue;
    add(found, "out_of_range", { feature: name, value, low, high });
  }
}

function isWithin(value: number, low: number, high: number, share: number): boolean {
  const margin = share * (high - low);
  return value >= Math.fround(low - margin) && value <= Math.fround(high + margin);
}

function judgeMissing(found: Found, vector: Float32Array, rules: TrustRules): void {
  const missing = vector.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  const limit = rules.missingLimit ?? Math.max(USUAL_MISSING, ROW_MISSING);
  if (missing > limit * vector.length) add(found, "missing_share", { missing, features: vector.length, limit });
}

function judgeAge(found: Found, atUs: bigint, rules: TrustRules): void {
  if (TRAINED_UNTIL_US === null || rules.maxModelAgeUs === null) return;
  const age = atUs - TRAINED_UNTIL_US;
  if (age > rules.maxModelAgeUs) {
    add(found, "model_old", { age_us: Number(age), limit_us: Number(rules.maxModelAgeUs) });
  }
}

function graded(found: Found, rules: TrustRules): Judged {
  const reasons: Reason[] = [];
  let worst = 0;
  for (const [code, usual] of DEFAULT_LEVELS) {
    const level = rules.levels[code] ?? usual;
    const facts = found.get(code);
    if (facts === undefined || level === "ok") continue;
    reasons.push(...facts.slice(0, MOST_PER_CODE).map((one) => ({ code, level, ...one })));
    if (facts.length > MOST_PER_CODE) reasons.push({ code, level, more: facts.length - MOST_PER_CODE });
    worst = Math.max(worst, LEVELS.indexOf(level));
  }
  return { trust: LEVELS[worst] as Level, reasons };
}

function add(found: Found, code: string, facts: Facts): void {
  const before = found.get(code);
  if (before === undefined) found.set(code, [facts]);
  else before.push(facts);
}

function same(value: Value, nothing: number | boolean | null): boolean {
  return value === nothing;
}

function instant(value: string | bigint | Date): bigint {
  const us = microseconds(value);
  if (us !== undefined) return us;
  throw new InvalidRequest({ code: "wrong_type", message: "no instant", field: "as_of", seen: String(value), allowed: INSTANT });
}
