/** The HTTP API of a gapless server, for the model of this package. */
import { COLUMNS, ID, MODEL } from "./definition.js";
import { ConnectionFailed, TimedOut, UnexpectedAnswer, errorOf, isObject } from "./errors.js";
import { type Instant, microseconds, text } from "./instants.js";
import { type Backoff, mayHelp, pauseMs, retryAfter } from "./retries.js";
import { asJson, checked, rulesOf } from "./rows.js";
import type { LookedUpRows, Predictions, ViewRows } from "./answers.js";
import type { Request } from "./types.js";

export interface ClientOptions {
  /** Where the server answers, such as https://predictions.example. */
  readonly baseUrl: string | URL;
  /** What `gapless token create` printed; a server on the same machine asks for none. */
  readonly token?: string;
  /** How long a call may take in all, with every try and pause; by default 10,000. */
  readonly timeoutMs?: number;
  /** When a call is tried again; by default 3 times, after up to 100, 200 and 400 ms. */
  readonly backoff?: Partial<Backoff>;
  readonly fetch?: typeof globalThis.fetch;
  readonly random?: () => number;
  readonly nowMs?: () => number;
  /** Waits; rejects with the signal's reason as soon as it is aborted. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Of one call. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

const BACKOFF: Backoff = { retries: 3, firstMs: 100, mostMs: 5_000 };
const TIMEOUT_MS = 10_000;
const REQUEST = rulesOf(COLUMNS, [ID], false, []);
const LATE = new Error("no time is left");

/**
 * Asks a server; holds no connection and no state of its own.
 *
 * Every call here changes nothing on the server but its log of answers, so it is safe to repeat: it is tried again
 * after 429, 502, 503 and 504 and where the connection broke, not after any other answer.
 */
export class GaplessClient {
  readonly #options: ClientOptions;
  readonly #backoff: Backoff;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#backoff = { ...BACKOFF, ...options.backoff };
  }

  /**
   * Predictions of the live version, in the order of the requests; each says how far to trust it.
   *
   * Throws a GaplessError; InvalidRequest before anything is sent where a request does not fit; the signal's reason.
   */
  async predict(model: typeof MODEL, requests: readonly Request[], options: CallOptions = {}): Promise<Predictions> {
    const path = `/v1/models/${encodeURIComponent(model)}/predict`;
    const answer = await this.#post(path, { requests: plain(requests) }, options);
    return shaped<Predictions>(answer, "predictions", requests.length);
  }

  /** What the server looks up and computes for requests, and how fresh each view is. */
  async features(model: typeof MODEL, requests: readonly Request[], options: CallOptions = {}): Promise<LookedUpRows> {
    const answer = await this.#post("/v1/features", { model, requests: plain(requests) }, options);
    return shaped<LookedUpRows>(answer, "features", requests.length);
  }

  /** Features of views by the keys of their entities, at an instant; now where none is given. */
  async viewFeatures(
    views: readonly string[],
    rows: readonly Readonly<Record<string, string | number | null>>[],
    options: CallOptions & { readonly at?: Instant } = {},
  ): Promise<ViewRows> {
    const at = options.at === undefined ? {} : { at: instantText(options.at) };
    const answer = await this.#post("/v1/features", { views, rows, ...at }, options);
    return shaped<ViewRows>(answer, "features", rows.length);
  }

  /** What the live version wants to be asked, its features, and its rules of trust. */
  async describe(model: typeof MODEL, options: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#call("GET", `/v1/models/${encodeURIComponent(model)}`, undefined, options);
    return isObject(answer) ? answer : unexpected("an object", answer);
  }

  #post(path: string, body: object, options: CallOptions): Promise<unknown> {
    return this.#call("POST", path, JSON.stringify(body), options);
  }

  /** The answer, or an error, within the time that there is. */
  async #call(method: string, path: string, body: string | undefined, options: CallOptions): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(LATE), timeoutMs);
    const { signal: given } = options;
    const signal = given === undefined ? limit.signal : AbortSignal.any([given, limit.signal]);
    try {
      return await this.#tries(() => this.#once(method, path, body, signal), this.#nowMs() + timeoutMs, signal);
    } catch (error) {
      if (given?.aborted === true) throw given.reason;
      throw limit.signal.aborted ? timedOut(timeoutMs) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tries until there is an answer, an error that no further try mends, or no time for another. */
  async #tries(once: () => Promise<unknown>, deadlineMs: number, signal: AbortSignal): Promise<unknown> {
    const { random = Math.random, sleep = pause } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        signal.throwIfAborted();
        return await once();
      } catch (error) {
        if (!mayHelp(error) || attempt > this.#backoff.retries) throw error;
        const ms = pauseMs(attempt, error, this.#backoff, random);
        if (this.#nowMs() + ms >= deadlineMs) throw error;
        await sleep(ms, signal);
      }
    }
  }

  async #once(method: string, path: string, body: string | undefined, signal: AbortSignal): Promise<unknown> {
    const { baseUrl, token, fetch = globalThis.fetch } = this.#options;
    const headers = {
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const url = `${String(baseUrl).replace(/\/+$/, "")}${path}`;
    const sent = { method, headers, signal, ...(body === undefined ? {} : { body }) };
    const answer = await connected(() => fetch(url, sent), signal);
    const told = await connected(() => answer.text(), signal);
    if (answer.ok) return json(told) ?? unexpected("JSON", told);
    throw errorOf(answer.status, json(told), retryAfter(answer.headers.get("retry-after"), this.#nowMs()));
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

/** The requests as JSON: checked, and with instants as text. */
function plain(requests: readonly Request[]): object[] {
  return requests.map((request, i) => {
    const row = asJson(checked(request, REQUEST, i), COLUMNS);
    return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)); // absent is null
  });
}

async function connected<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (signal.aborted) throw cause;
    const next_step = "check that the server runs and that baseUrl leads to it";
    const seen = cause instanceof Error && cause.cause !== undefined ? String(cause.cause) : String(cause);
    const facts = { code: "no_connection", message: "the server cannot be reached", seen, next_step };
    throw new ConnectionFailed(facts, null, null, cause);
  }
}

function json(told: string): unknown {
  try {
    return JSON.parse(told) as unknown;
  } catch {
    return undefined;
  }
}

function shaped<T>(answer: unknown, member: string, rows: number): T {
  const found = isObject(answer) ? answer[member] : undefined;
  if (Array.isArray(found) && found.length === rows) return answer as T;
  return unexpected(`${rows} rows in ${member}`, answer);
}

function unexpected(allowed: string, seen: unknown): never {
  const next_step = "check that baseUrl leads to a gapless server";
  throw new UnexpectedAnswer({ code: "unexpected_answer", message: "no answer of such a server", seen, allowed, next_step });
}

function instantText(at: Instant): string {
  const us = microseconds(at);
  if (us === undefined) throw new RangeError(`no instant: ${String(at)}`);
  return text(us);
}

function timedOut(timeoutMs: number): TimedOut {
  const next_step = "allow more time (timeoutMs), or ask for fewer rows";
  return new TimedOut({ code: "timed_out", message: "no answer in time", allowed: `${timeoutMs} ms`, next_step });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
