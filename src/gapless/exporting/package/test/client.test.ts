/** The client against a server of this test: what it sends, what it makes of answers, when it tries again. */
import assert from "node:assert/strict";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import {
  BadCall,
  type ClientOptions,
  ConnectionFailed,
  Forbidden,
  GaplessClient,
  GaplessError,
  ID,
  InvalidRequest,
  MODEL,
  NotFound,
  type Request,
  ServerFault,
  TIME,
  TimedOut,
  TooManyRequests,
  Unauthorized,
  Unavailable,
  UnexpectedAnswer,
} from "gapless-exported/client";
import { asked, least } from "./rows.js";

interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Nothing is said for ever. */
  readonly silent?: boolean;
}
interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

const PREDICTION = { as_of: "2013-12-01T10:15:00Z", prediction: 1, probability: 0.75, trust: "degraded" };
const DONE: Reply = {
  status: 200,
  body: { model: MODEL, version: "9", predictions: [{ request_id: "a", ...PREDICTION, reasons: [] }] },
};

/** A server that gives these replies one after the other, the last for ever. */
async function served(
  replies: readonly Reply[],
  act: (client: GaplessClient, calls: Call[], told: Told) => Promise<void>,
  options: Partial<ClientOptions> = {},
): Promise<void> {
  const calls: Call[] = [];
  const told: Told = { slept: [] };
  const server = createServer((request, response) => void reply(request, response, calls, replies));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sleep = async (ms: number): Promise<void> => void told.slept.push(ms);
  const base = { baseUrl: `http://127.0.0.1:${port}/`, token: "gl_secret", random: () => 0.5, sleep };
  try {
    await act(new GaplessClient({ ...base, ...options }), calls, told);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
interface Told {
  readonly slept: number[];
}

async function reply(request: IncomingMessage, response: ServerResponse, calls: Call[], replies: readonly Reply[]): Promise<void> {
  let text = "";
  for await (const part of request) text += String(part);
  const found = replies[Math.min(calls.length, replies.length - 1)] as Reply;
  const { method = "", url = "", headers } = request;
  calls.push({ method, path: url, authorization: headers.authorization, body: text === "" ? null : JSON.parse(text) });
  if (found.silent === true) return;
  response.writeHead(found.status, { "content-type": "application/json", ...found.headers });
  response.end(typeof found.body === "string" ? found.body : JSON.stringify(found.body));
}

async function row(): Promise<Request> {
  return (await asked(1)).request;
}

async function failure(act: Promise<unknown>): Promise<GaplessError> {
  try {
    await act;
  } catch (error) {
    assert.ok(error instanceof GaplessError, String(error));
    return error;
  }
  assert.fail("nothing was thrown");
}

function problem(status: number, code: string, facts: object = {}, headers: Record<string, string> = {}): Reply {
  return { status, body: { error: { code, message: "said so", ...facts } }, headers };
}

test("a prediction is asked for with the token, instants as text, and nulls left out", async () => {
  await served([DONE], async (client, calls) => {
    const request = { ...least((await row())[ID]), [TIME]: 1_385_892_900_000_001n } as Request;
    const { version, predictions } = await client.predict(MODEL, [request]);
    assert.equal(version, "9");
    assert.deepEqual([predictions[0]?.probability, predictions[0]?.trust], [0.75, "degraded"]);
    const body = { requests: [{ [ID]: request[ID], [TIME]: "2013-12-01T10:15:00.000001Z" }] };
    const path = `/v1/models/${MODEL}/predict`;
    assert.deepEqual(calls, [{ method: "POST", path, authorization: "Bearer gl_secret", body }]);
  });
});

test("features of requests, and of views at an instant", async () => {
  const answer = { status: 200, body: { features: [{ values: {}, reasons: [] }], views: {} } };
  await served([answer], async (client, calls) => {
    await client.features(MODEL, [least((await row())[ID])]);
    await client.viewFeatures(["some"], [{ key: "k" }], { at: new Date(0) });
    assert.deepEqual(calls[0]?.body, { model: MODEL, requests: [{ [ID]: (await row())[ID] }] });
    assert.deepEqual(calls[1]?.body, { views: ["some"], rows: [{ key: "k" }], at: "1970-01-01T00:00:00Z" });
  });
});

test("each status is an error of its own, with what the server says", async () => {
  const kinds: [number, new (...args: never[]) => GaplessError][] = [
    [400, BadCall],
    [401, Unauthorized],
    [403, Forbidden],
    [404, NotFound],
    [413, BadCall],
    [422, InvalidRequest],
    [500, ServerFault],
  ];
  for (const [status, kind] of kinds) {
    const facts = { row: 3, field: "x", seen: "far", allowed: "a number" };
    await served([problem(status, "some_code", facts)], async (client, calls, told) => {
      const error = await failure(client.predict(MODEL, [await row()]));
      assert.ok(error instanceof kind, error.name);
      assert.deepEqual([error.status, error.code, error.row, error.field], [status, "some_code", 3, "x"]);
      assert.deepEqual([error.seen, error.allowed], ["far", "a number"]);
      assert.match(error.message, /row 3 x: said so/);
      assert.deepEqual([calls.length, told.slept], [1, []], "it is not tried again");
    });
  }
});

test("a request that does not fit is not sent", async () => {
  await served([DONE], async (client, calls) => {
    const wrong = { ...(await row()), unknown: 1 } as Request;
    const error = await failure(client.predict(MODEL, [await row(), wrong]));
    assert.ok(error instanceof InvalidRequest);
    assert.deepEqual([error.code, error.row, error.field, calls.length], ["unknown_field", 1, "unknown", 0]);
  });
});

test("not now is tried again, after what the server asks for and a drawn pause", async () => {
  const busy = problem(503, "busy", {}, { "retry-after": "1" });
  const often = problem(429, "too_many");
  await served([busy, often, { status: 502, body: "<html>" }, DONE], async (client, calls, told) => {
    assert.equal((await client.predict(MODEL, [await row()])).version, "9");
    assert.equal(calls.length, 4);
    assert.deepEqual(told.slept, [1_050, 100, 200]);
  });
});

test("a date in Retry-After is a pause from now on", async () => {
  const at = { "retry-after": "Sun, 01 Dec 2013 10:15:02 GMT" };
  const options = { nowMs: () => Date.UTC(2013, 11, 1, 10, 15), random: () => 0 };
  await served([problem(503, "busy", {}, at), DONE], async (client, _, told) => {
    await client.predict(MODEL, [await row()]);
    assert.deepEqual(told.slept, [2_000]);
  }, options);
});

test("trying ends, with the last error", async () => {
  await served([problem(503, "unavailable")], async (client, calls) => {
    const error = await failure(client.predict(MODEL, [await row()]));
    assert.ok(error instanceof Unavailable);
    assert.equal(calls.length, 3);
  }, { backoff: { retries: 2 } });
  await served([problem(429, "too_many", {}, { "retry-after": "60" })], async (client, calls, told) => {
    const error = await failure(client.predict(MODEL, [await row()]));
    assert.ok(error instanceof TooManyRequests);
    assert.deepEqual([calls.length, told.slept, error.retry_after_s], [1, [], 60], "60 s are more than there are");
  });
});

test("a call ends when its time is over, or when the caller says so", async () => {
  await served([{ status: 200, silent: true }], async (client) => {
    const error = await failure(client.predict(MODEL, [await row()], { timeoutMs: 50 }));
    assert.ok(error instanceof TimedOut);
    assert.equal(error.code, "timed_out");
    const stop = new AbortController();
    const reason = new Error("the page was left");
    const asked = client.predict(MODEL, [await row()], { signal: stop.signal });
    setTimeout(() => stop.abort(reason), 20);
    await assert.rejects(asked, reason);
    await assert.rejects(client.predict(MODEL, [await row()], { signal: AbortSignal.abort(reason) }), reason);
  });
});

test("a pause ends when its time is over, or when the caller says so", async () => {
  const long = { random: () => 1, backoff: { firstMs: 60_000, mostMs: 60_000 } };
  const server = createServer((_request, response) => response.writeHead(503).end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const client = new GaplessClient({ ...long, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const reason = new Error("the page was left");
    const stop = new AbortController();
    const asked = client.predict(MODEL, [await row()], { signal: stop.signal, timeoutMs: 90_000 });
    setTimeout(() => stop.abort(reason), 50);
    await assert.rejects(asked, reason);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("no server, and something else than one", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const nobody = new GaplessClient({ baseUrl: `http://127.0.0.1:${port}`, backoff: { retries: 1, firstMs: 1 } });
  const error = await failure(nobody.predict(MODEL, [await row()]));
  assert.ok(error instanceof ConnectionFailed);
  assert.match(error.message, /ECONNREFUSED/);
  for (const body of ["<html>", "[]", JSON.stringify({ predictions: [] })]) {
    await served([{ status: 200, body }], async (client, calls) => {
      assert.ok((await failure(client.predict(MODEL, [await row()]))) instanceof UnexpectedAnswer, body);
      assert.equal(calls.length, 1);
    });
  }
});
