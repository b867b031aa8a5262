/** The package answers as its bundle says, and refuses what does not fit. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  CannotLoad,
  type Features,
  ID,
  InvalidRequest,
  LOOKED_UP,
  MODEL,
  type Request,
  SelfCheckFailed,
  TIME,
  VERSION,
  loadModel,
  onDemand,
  selfCheck,
} from "gapless-exported";
import { asked, golden, least } from "./rows.js";

test("expressions have the golden bits, the model its golden answers", async () => {
  await selfCheck();
});

test("an expression or an answer that differs is found, unless nobody asks", async () => {
  const good = await golden();
  const flipped = (hex: string): string => (hex.startsWith("0") ? "f" : "0") + hex.slice(1);
  const first = good.requests[0];
  assert.ok(first);
  const vector = { ...good, requests: [{ ...first, vector: flipped(first.vector) }, ...good.requests.slice(1)] };
  const named = good.model.outputs.probability === undefined ? "prediction" : "probability";
  const far = `0000803f${"0000a040".repeat(good.model.rows.length)}`.slice(0, good.model.rows.length * 8);
  const answers = { ...good, model: { ...good.model, outputs: { ...good.model.outputs, [named]: far } } };
  await withFolder(async (folder) => {
    for (const wrong of [vector, answers]) {
      const file = join(folder, "golden.json");
      await writeFile(file, JSON.stringify(wrong));
      await assert.rejects(loadModel({ golden: file, selfCheck: true }), SelfCheckFailed);
      await loadModel({ golden: file, selfCheck: false });
    }
  });
});

test("NODE_ENV decides whether the first load checks", async () => {
  const before = process.env["NODE_ENV"];
  try {
    process.env["NODE_ENV"] = "production";
    await loadModel({ golden: "no such file" });
    process.env["NODE_ENV"] = "development";
    await assert.rejects(loadModel({ golden: "no such file" }), CannotLoad);
  } finally {
    if (before === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = before;
  }
});

test("a model that is no model is an error that says so", async () => {
  const error = await failure(() => loadModel({ model: new Uint8Array([1, 2, 3]) }));
  assert.ok(error instanceof CannotLoad);
  assert.equal(error.code, "model_unreadable");
});

test("an answer has the shape of the server's, alone and among others", async () => {
  const model = await loadModel();
  const many = [await asked(1), await asked(2), await asked(3)];
  const together = await model.predictMany(many);
  assert.equal(together.length, 3);
  for (const [i, one] of many.entries()) {
    const alone = await model.predict(one.request, one.features);
    assert.deepEqual(alone, together[i]);
    assert.deepEqual(Object.keys(alone).sort(), [
      "as_of",
      "model",
      "prediction",
      "probability",
      "reasons",
      "request_id",
      "trust",
      "version",
    ]);
    assert.deepEqual([alone.model, alone.version, alone.request_id], [MODEL, VERSION, one.request[ID]]);
    assert.ok(["ok", "degraded", "unreliable"].includes(alone.trust));
  }
  assert.deepEqual(await model.predictMany([]), []);
  assert.deepEqual(await Promise.all(many.map((one) => model.predict(one.request, one.features))), together);
});

test("what is absent in a request is null, and without an event time it is of now", async () => {
  const { request, features } = await asked(0);
  const nowUs = 1_385_892_900_000_001n;
  const model = await loadModel({ nowUs: () => nowUs });
  const bare = least(request[ID]);
  const answer = await model.predict(bare, features);
  assert.equal(answer.as_of, "2013-12-01T10:15:00.000001Z");
  const written = { ...request, [TIME]: nowUs } as Request;
  assert.deepEqual(await model.predict(written, features), answer);
  assert.deepEqual(onDemand(bare, features, nowUs), onDemand(written, features));
});

test("instants are a Date, text with an offset, or microseconds", async () => {
  const { request, features } = await asked(1);
  const model = await loadModel();
  const asOf = async (at: unknown): Promise<string> =>
    (await model.predict({ ...request, [TIME]: at } as Request, features)).as_of;
  const ways = ["2013-12-01T05:15:00.5-05:00", "2013-12-01t10:15:00.500000z", new Date(1_385_892_900_500)];
  for (const at of [...ways, 1_385_892_900_500_000n]) assert.equal(await asOf(at), "2013-12-01T10:15:00.500000Z");
  assert.equal(await asOf("0001-01-01T00:00Z"), "0001-01-01T00:00:00Z");
  assert.equal(await asOf("1969-12-31T23:59:59.999999Z"), "1969-12-31T23:59:59.999999Z");
  const wrong = ["2013-12-01T10:15:00", "2013-02-29T00:00:00Z", "2013-12-01", "2013-12-01T24:00:00Z", 1_385_892_900];
  for (const at of [...wrong, new Date(Number.NaN), 2n ** 62n, "10000-01-01T00:00:00Z", "0000-12-31T23:59:59Z"]) {
    const error = await failure(() => asOf(at));
    assert.ok(error instanceof InvalidRequest, String(at));
    assert.deepEqual([error.code, error.field, error.row], ["wrong_type", TIME, 0]);
  }
});

test("a field that nobody knows, and one that is needed, are named", async () => {
  const { request, features } = await asked(1);
  const model = await loadModel();
  // @ts-expect-error the types refuse it too
  const unknown: Request = { ...least(request[ID]), "no such column": 1 };
  const found = await failure(() => model.predict(unknown, features));
  assert.ok(found instanceof InvalidRequest);
  assert.deepEqual([found.code, found.field], ["unknown_field", "no such column"]);
  assert.match(String(found.allowed), new RegExp(ID));
  const nobody = await failure(() => model.predict({ ...request, [ID]: null } as unknown as Request, features));
  assert.deepEqual([(nobody as InvalidRequest).code, (nobody as InvalidRequest).field], ["wrong_type", ID]);
  const nothing = await failure(() => model.predict({} as Request, features));
  assert.deepEqual([(nothing as InvalidRequest).code, (nothing as InvalidRequest).field], ["missing_field", ID]);
  const wrong = await failure(() => model.predict({ ...request, [ID]: true } as unknown as Request, features));
  assert.deepEqual([(wrong as InvalidRequest).code, (wrong as InvalidRequest).seen], ["wrong_type", true]);
});

test("what is looked up must be there, be it null", async () => {
  const { request, features } = await asked(1);
  const model = await loadModel();
  for (const [name] of LOOKED_UP) {
    const without = Object.fromEntries(Object.entries(features).filter(([key]) => key !== name));
    const error = await failure(() => model.predict(request, without as unknown as Features));
    assert.deepEqual([(error as InvalidRequest).code, (error as InvalidRequest).field], ["missing_field", name]);
  }
  const nulls = Object.fromEntries(LOOKED_UP.map(([name]) => [name, null])) as unknown as Features;
  assert.equal((await model.predict(request, nulls)).model, MODEL);
});

async function failure(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "golden-"));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
