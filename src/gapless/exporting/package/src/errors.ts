/** What goes wrong, by who can act. `code` is a word that programs can rely on: the server's own, or one of those below. */

/** The facts of a mistake, as the server's JSON has them; what it does not say is null. */
export interface Facts {
  readonly code: string;
  readonly message: string;
  readonly row?: number | null;
  readonly field?: string | null;
  readonly seen?: unknown;
  readonly allowed?: string | null;
  readonly next_step?: string | null;
}

/** The root: catch this to catch all of this package. */
export class GaplessError extends Error {
  readonly code: string;
  readonly row: number | null;
  readonly field: string | null;
  readonly seen: unknown;
  readonly allowed: string | null;
  readonly next_step: string | null;
  /** Of HTTP; null where no server said it. */
  readonly status: number | null;
  /** When asking again may help, in seconds; null: nobody said. */
  readonly retry_after_s: number | null;

  constructor(facts: Facts, status: number | null = null, retry_after_s: number | null = null, cause?: unknown) {
    super(sentence(facts), cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = facts.code;
    this.row = facts.row ?? null;
    this.field = facts.field ?? null;
    this.seen = facts.seen ?? null;
    this.allowed = facts.allowed ?? null;
    this.next_step = facts.next_step ?? null;
    this.status = status;
    this.retry_after_s = retry_after_s;
  }
}

/** 422, and a request that this package refuses by itself: row and field say where. */
export class InvalidRequest extends GaplessError {}
/** 400, 405, 408, 413, 415: the call itself, not a value in it. */
export class BadCall extends GaplessError {}
/** 401: no token, or none that is in force. */
export class Unauthorized extends GaplessError {}
/** 403: the token's role does not allow it. */
export class Forbidden extends GaplessError {}
/** 404: nothing is live of that name. */
export class NotFound extends GaplessError {}
/** 429: the token's rate is used up. */
export class TooManyRequests extends GaplessError {}
/** 502, 503, 504: not now. */
export class Unavailable extends GaplessError {}
/** Any other 5xx: the server's own log says what happened. */
export class ServerFault extends GaplessError {}
/** No connection, or it broke. Code `no_connection`. */
export class ConnectionFailed extends GaplessError {}
/** Nothing came within `timeoutMs`. Code `timed_out`. */
export class TimedOut extends GaplessError {}
/** What came is no answer of such a server. Code `unexpected_answer`. */
export class UnexpectedAnswer extends GaplessError {}
/** The package does not give its golden answers here. Code `golden_differs`. */
export class SelfCheckFailed extends GaplessError {}
/** The model cannot be loaded. Codes `no_runtime`, `no_file`, `model_unreadable`. */
export class CannotLoad extends GaplessError {}

type Kind = new (facts: Facts, status: number | null, retry_after_s: number | null) => GaplessError;

const KINDS: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [401, Unauthorized],
  [403, Forbidden],
  [404, NotFound],
  [422, InvalidRequest],
  [429, TooManyRequests],
  [502, Unavailable],
  [503, Unavailable],
  [504, Unavailable],
]);
const NEXT: ReadonlyMap<number, string> = new Map([
  [401, "give the client a token that is in force: new GaplessClient({ token })"],
  [403, "ask the operator for a token with the role that is needed"],
  [404, "see what is live: GET /v1/models"],
  [422, "mend the field that is named"],
  [429, "ask again after retry_after_s seconds, or less often"],
  [503, "ask again after retry_after_s seconds"],
]);

/** The error for an answer of the server that is not the one asked for. */
export function errorOf(status: number, body: unknown, retry_after_s: number | null): GaplessError {
  const kind = KINDS.get(status) ?? (status >= 500 ? ServerFault : BadCall);
  return new kind({ next_step: NEXT.get(status) ?? null, ...factsOf(status, body) }, status, retry_after_s);
}

function factsOf(status: number, body: unknown): Facts {
  const told = isObject(body) ? body["error"] : undefined;
  if (!isObject(told) || typeof told["code"] !== "string" || typeof told["message"] !== "string") {
    const seen = typeof told === "string" ? told : null;
    return { code: `http_${status}`, message: `the server answered ${status}`, seen };
  }
  const { row, field, seen, allowed, next_step } = told;
  return {
    code: told["code"],
    message: told["message"],
    row: typeof row === "number" ? row : null,
    field: typeof field === "string" ? field : null,
    seen: seen ?? null,
    allowed: typeof allowed === "string" ? allowed : null,
    ...(typeof next_step === "string" ? { next_step } : {}),
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sentence(facts: Facts): string {
  const place = [
    ...(typeof facts.row === "number" ? [`row ${facts.row}`] : []),
    ...(typeof facts.field === "string" ? [facts.field] : []),
  ].join(" ");
  const told = [
    place === "" ? facts.message : `${place}: ${facts.message}`,
    ...(facts.seen === undefined || facts.seen === null ? [] : [`  seen:    ${short(facts.seen)}`]),
    ...(typeof facts.allowed === "string" ? [`  allowed: ${facts.allowed}`] : []),
    ...(typeof facts.next_step === "string" ? [`  next:    ${facts.next_step}`] : []),
  ];
  return told.join("\n");
}

function short(value: unknown): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}
