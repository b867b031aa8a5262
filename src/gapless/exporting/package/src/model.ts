/** A loaded model: requests and looked-up features in, answers out. */
import { ID, MODEL, SMALLEST_BATCH, TAKES_MISSING, TIME, VECTOR, VERSION } from "./definition.js";
import { type Judged, type Seen, type TrustRules, judge } from "./judging.js";
import { text } from "./instants.js";
import { compute, rowOf } from "./vectors.js";
import type { Answer, Features } from "./answers.js";
import type { Request } from "./types.js";

const WIDTH = VECTOR.length;

/** Runs the graph on `rows` vectors that lie one after the other; gives its outputs by name. */
export type Graph = (vectors: Float32Array, rows: number) => Promise<Readonly<Record<string, Float32Array>>>;

/** Answers of the graph; NaN where it has none. `probability` is null where the model gives none. */
export interface Scores {
  readonly prediction: Float32Array;
  readonly probability: Float32Array | null;
}

/** One request with what was looked up for it. */
export interface Asked {
  readonly request: Request;
  readonly features: Features;
  /** What is known of the look-up: how fresh it was, and what went wrong. */
  readonly seen?: Seen;
}

/** Effects and rules of a model. */
export interface Context {
  readonly nowUs: () => bigint;
  readonly rules: TrustRules;
}

/** The model, ready to answer; made by `loadModel`. */
export class Model {
  readonly #graph: Graph;
  readonly #context: Context;

  constructor(graph: Graph, context: Context) {
    this.#graph = graph;
    this.#context = context;
  }

  /**
   * The answer to one request, as of its event time; of now where it has none.
   *
   * Throws InvalidRequest for a request or features that do not fit.
   */
  async predict(request: Request, features: Features, seen?: Seen): Promise<Answer> {
    const [answer] = await this.predictMany([seen === undefined ? { request, features } : { request, features, seen }]);
    return answer as Answer;
  }

  /** The answers to many, in their order, with the bits that each has alone. */
  async predictMany(asked: readonly Asked[]): Promise<Answer[]> {
    const nowUs = this.#context.nowUs();
    const rows = asked.map((one, i) => compute(rowOf(one.request, one.features, nowUs, i)));
    const vectors = new Float32Array(rows.length * WIDTH);
    rows.forEach((row, i) => vectors.set(row.vector, i * WIDTH));
    const scores = await this.score(vectors);
    return rows.map((row, i) => {
      const prediction = orNull(scores.prediction, i);
      const probability = scores.probability === null ? null : orNull(scores.probability, i);
      const atUs = row.values[TIME] as bigint;
      const answered = (scores.probability === null ? prediction : probability) !== null;
      const judged: Judged = judge(row, atUs, asked[i]?.seen ?? {}, answered, this.#context.rules);
      return {
        model: MODEL,
        version: VERSION,
        request_id: row.values[ID] as string & number,
        as_of: text(atUs),
        prediction,
        probability,
        trust: judged.trust,
        reasons: judged.reasons,
      };
    });
  }

  /** The graph's answers to vectors that lie one after the other, each of `VECTOR.length` float32 values. */
  async score(vectors: Float32Array): Promise<Scores> {
    const rows = vectors.length / WIDTH;
    if (!Number.isInteger(rows)) throw new RangeError(`vectors of ${WIDTH} values each, not ${vectors.length} in all`);
    if (rows === 0) return { prediction: new Float32Array(0), probability: null };
    const repeats = rows < SMALLEST_BATCH ? SMALLEST_BATCH : 1;
    const found = await this.#graph(repeats === 1 ? vectors : repeated(vectors, repeats), rows * repeats);
    const named = (name: string): Float32Array | null => {
      const values = found[name];
      return values === undefined ? null : answers(values, vectors, rows, repeats);
    };
    return { prediction: named("prediction") as Float32Array, probability: named("probability") };
  }
}

/** Each row so many times: fewer rows than the graph's smallest batch would have other bits alone. */
function repeated(vectors: Float32Array, times: number): Float32Array {
  const many = new Float32Array(vectors.length * times);
  for (let start = 0; start < vectors.length; start += WIDTH) {
    const row = vectors.subarray(start, start + WIDTH);
    for (let i = 0; i < times; i++) many.set(row, start * times + i * WIDTH);
  }
  return many;
}

function answers(values: Float32Array, vectors: Float32Array, rows: number, repeats: number): Float32Array {
  const found = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    const missing = !TAKES_MISSING && vectors.subarray(i * WIDTH, (i + 1) * WIDTH).some(Number.isNaN);
    found[i] = missing ? Number.NaN : (values[i * repeats] as number);
  }
  return found;
}

function orNull(values: Float32Array, i: number): number | null {
  const value = values[i] as number;
  return Number.isNaN(value) ? null : value;
}
