/** When a call is tried again, and after how long: decided here, done elsewhere. */
import { ConnectionFailed, type GaplessError, TooManyRequests, Unavailable } from "./errors.js";

export interface Backoff {
  /** How often a call is tried again, after the first time. */
  readonly retries: number;
  /** The first pause is from 0 to so many ms; the next from 0 to twice as many, and so on. */
  readonly firstMs: number;
  /** No pause is drawn from more than this. */
  readonly mostMs: number;
}

/** Whether trying again may help: the server said "not now", or nobody answered. */
export function mayHelp(error: unknown): error is GaplessError {
  return error instanceof TooManyRequests || error instanceof Unavailable || error instanceof ConnectionFailed;
}

/**
 * The pause before try number `attempt` (from 1): exponential with full jitter, so that clients which failed together
 * do not come back together; what the server asked for comes before it.
 */
export function pauseMs(attempt: number, error: GaplessError, backoff: Backoff, random: () => number): number {
  const drawn = random() * Math.min(backoff.mostMs, backoff.firstMs * 2 ** (attempt - 1));
  return (error.retry_after_s ?? 0) * 1000 + drawn;
}

/** Seconds from a Retry-After header: a number, or a date; null where it says nothing. */
export function retryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, (at - nowMs) / 1000);
}
