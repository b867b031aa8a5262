/** Golden requests as a caller would write them. */
import { readFile } from "node:fs/promises";
import { COLUMNS, type Features, ID, LOOKED_UP, type Request, type RequestId } from "gapless-exported";

type Coded = string | boolean | null;
export interface Golden {
  requests: { request: Coded[]; features: Coded[]; on_demand: Coded[]; vector: string }[];
  model: { rows: string[]; outputs: { prediction: string; probability?: string }; tolerance: number };
}

/** golden.json of the package. */
export async function golden(): Promise<Golden> {
  return JSON.parse(await readFile(new URL(import.meta.resolve("gapless-exported/golden.json")), "utf8")) as Golden;
}

/** Row number `i` of the golden requests. */
export async function asked(i: number): Promise<{ request: Request; features: Features }> {
  const row = (await golden()).requests[i];
  if (row === undefined) throw new RangeError(`no golden request ${i}`);
  return {
    request: named(row.request, COLUMNS) as unknown as Request,
    features: named(row.features, LOOKED_UP) as unknown as Features,
  };
}

function named(values: readonly Coded[], columns: typeof COLUMNS): Record<string, unknown> {
  return Object.fromEntries(columns.map(([name, kind], i) => [name, plain(values[i] ?? null, kind)]));
}

function plain(coded: Coded, kind: string): unknown {
  if (coded === null || typeof coded === "boolean" || kind === "string") return coded;
  if (kind === "timestamp") return BigInt(coded);
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${coded}`));
  return view.getFloat64(0);
}

/** The least that a request may be. */
export function least(id: RequestId): Request {
  return { [ID]: id };
}
