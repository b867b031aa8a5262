/** What operations on instants mean. Calendars are arithmetic on whole seconds; a bigint appears where µs need one. */

import { DAY, dayOfDay, startOfYear, weekdayOfDay, yearOfDay } from "./civil.js";
import { canonical, type Timestamp } from "./values.js";
import type { Zone } from "./zones.js";

const LOWEST = -(2n ** 63n);
const BEYOND = 2n ** 63n;
const FAR = 2 ** 62; // calendar arithmetic is defined for instants up to this many µs from 1970
const MICROS = 1000000;
const WIDTHS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600 };

/** Whole seconds since 1970, cut down. */
function secondsOf(us: Timestamp): number {
  if (typeof us === "number") return Math.floor(us / MICROS);
  const rest = Number(us % 1000000n);
  return Number(us / 1000000n) - (rest < 0 ? 1 : 0);
}

function instant(seconds: number): Timestamp {
  const us = seconds * MICROS;
  return Number.isSafeInteger(us) ? us + 0 : BigInt(seconds) * 1000000n;
}

/** Whole seconds on the clocks of the zone; null beyond ±2^62 µs. */
export function localTime(us: Timestamp, zone: Zone): number | null {
  if (us < -FAR || us > FAR) return null;
  const seconds = secondsOf(us);
  return seconds + zone.offsetAt(seconds);
}

/** The start of the local second, minute, hour, day, week, month or year; null beyond ±2^62 µs. */
export function truncate(us: Timestamp, unit: string, zone: Zone): Timestamp | null {
  if (us < -FAR || us > FAR) return null;
  const seconds = secondsOf(us);
  const offset = zone.offsetAt(seconds);
  const width = WIDTHS[unit];
  if (width !== undefined) return instant(Math.floor((seconds + offset) / width) * width - offset);
  return instant(zone.instantOf(firstDay(unit, Math.floor((seconds + offset) / DAY)) * DAY));
}

/** The first day of the day, week, month or year that a day is in. */
function firstDay(unit: string, days: number): number {
  if (unit === "week") return days - weekdayOfDay(days);
  if (unit === "month") return days - dayOfDay(days) + 1;
  return unit === "year" ? startOfYear(yearOfDay(days)) : days;
}

/** The difference in units of `unit` µs; NaN where it does not fit in 64 bits. */
export function elapsed(later: Timestamp, earlier: Timestamp, unit: number): number {
  if (typeof later === "number" && typeof earlier === "number") {
    const us = later - earlier;
    if (Number.isSafeInteger(us)) return us / unit;
  }
  const us = BigInt(later) - BigInt(earlier);
  return us >= LOWEST && us < BEYOND ? Number(us) / unit : NaN;
}

/** The instant `by` µs later; null outside 64 bits. */
export function shift(us: Timestamp, by: Timestamp): Timestamp | null {
  if (typeof us === "number" && typeof by === "number") {
    const sum = us + by;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const moved = BigInt(us) + BigInt(by);
  return moved >= LOWEST && moved < BEYOND ? canonical(moved) : null;
}

/** Seconds since 1970. */
export function toSeconds(us: Timestamp): number {
  return Number(us) / MICROS;
}

/** The instant x seconds after 1970; null outside 64 bits. */
export function fromSeconds(x: number): Timestamp | null {
  const us = x * 1e6;
  if (!(us >= -9223372036854775808 && us < 9223372036854775808)) return null;
  const whole = Math.floor(us);
  const rounded = us - whole >= 0.5 ? whole + 1 : whole;
  return Number.isSafeInteger(rounded) ? rounded + 0 : canonical(BigInt(rounded));
}

/** The earlier of two. */
export function earlier(t: Timestamp, u: Timestamp): Timestamp {
  return t < u ? t : u;
}

/** The later of two. */
export function later(t: Timestamp, u: Timestamp): Timestamp {
  return t > u ? t : u;
}
