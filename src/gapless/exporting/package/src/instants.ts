/** Instants as whole microseconds since 1970-01-01 UTC, held in a bigint: a double is too short for all of them. */

/** What is taken for an instant: a Date, ISO 8601 text with an offset, or microseconds since 1970-01-01 UTC. */
export type Instant = Date | string | bigint;

export const INSTANT = "a Date, ISO 8601 text with an offset such as 2013-12-01T10:15:00Z, or a bigint of microseconds";
const FIRST_US = -62_135_596_800_000_000n;
const LAST_US = 253_402_300_799_999_999n;
const TEXT =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?([Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Microseconds; undefined for what is no instant, or none in the years 1 to 9999. */
export function microseconds(value: unknown): bigint | undefined {
  const us = unchecked(value);
  return us !== undefined && us >= FIRST_US && us <= LAST_US ? us : undefined;
}

function unchecked(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "string") return parsed(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return BigInt(value.getTime()) * 1000n;
  return undefined;
}

function parsed(text: string): bigint | undefined {
  const found = TEXT.exec(text);
  if (found === null) return undefined;
  const part = (place: number): number => Number(found[place] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC takes years below 100 for others
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || part(10) > 23 || part(11) > 59) return undefined;
  const offset = (found[9] === "-" ? -1 : 1) * (part(10) * 60 + part(11));
  const seconds = date.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second;
  return BigInt(seconds) * 1_000_000n + BigInt((found[7] ?? "").padEnd(6, "0"));
}

/** The instant as RFC 3339 text in UTC, with as many decimals as it has. */
export function text(us: bigint): string {
  const rest = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = new Date(Number((us - rest) / 1000n)).toISOString().slice(0, 19);
  const decimals = rest === 0n ? "" : `.${rest.toString().padStart(6, "0")}`;
  return `${whole}${decimals}Z`;
}
