/** Runs the hard rows and the golden vectors through generated functions and says what came out, as digests and counts. */

type Kind = "float" | "bool" | "string" | "timestamp";
type Read = (path: string) => Promise<ArrayBuffer>;

interface Column {
  readonly name: string;
  readonly type: Kind;
  readonly offset: number;
  readonly length: number;
}

interface Wanted {
  readonly type: Kind;
  readonly digest: string;
}

/** A generated module: the columns that it reads, and its expressions. */
interface Module {
  readonly columns: readonly string[];
  readonly exprs: Readonly<Record<string, Wanted>>;
}

type Row = Readonly<Record<string, unknown>>;

/** What every generated module looks like from here: the types of its fields are tested by compiling. */
interface Generated {
  readonly row: (input: Row) => Row;
}

interface Vector {
  readonly name: string;
  readonly columns: Readonly<Record<string, Kind>>;
  readonly type: Kind;
  readonly rows: readonly (readonly unknown[])[];
}

/** Of a vector: how many rows, how many with other bits, and the first of them. */
interface Counted {
  readonly compared: number;
  readonly different: number;
  readonly first: string;
}

// What Node and browsers both have beyond the language.
declare const crypto: { readonly subtle: { digest(name: string, data: Uint8Array): Promise<ArrayBuffer> } };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (label: string, options: object) => { decode(data: Uint8Array): string };
declare function btoa(text: string): string;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const view = new DataView(new ArrayBuffer(8));

export default async function run(read: Read): Promise<unknown> {
  const json = async (path: string): Promise<unknown> => JSON.parse(decoder.decode(new Uint8Array(await read(path))));
  const modules = (await json("modules.json")) as Readonly<Record<string, Module>>;
  const table = unpackedRows(await read("table.bin"));
  const digests: Record<string, string> = {};
  const wrong: Record<string, string> = {};
  for (const [module, { columns, exprs }] of Object.entries(modules)) {
    const { row } = await generated(module);
    const results = table.map((values) => row(Object.fromEntries(columns.map((name) => [name, values[name]]))));
    for (const [name, { type, digest }] of Object.entries(exprs)) {
      const data = packed(results.map((result) => result[name]), type);
      const found = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
      digests[name] = found;
      if (found !== digest) wrong[name] = base64(data);
    }
  }
  const golden = await generated("golden");
  const vectors = (await json("vectors.json")) as readonly Vector[];
  const checked = Object.fromEntries(vectors.map((vector) => [vector.name, counted(vector, golden)]));
  return { rows: table.length, digests, wrong, golden: checked };
}

async function generated(module: string): Promise<Generated> {
  return (await import(`./${module}.js`)) as Generated;
}

// ---- hard rows ---------------------------------------------------------------------------------

function unpackedRows(file: ArrayBuffer): Record<string, unknown>[] {
  const data = new DataView(file);
  const start = 4 + data.getUint32(0, true);
  const header = JSON.parse(decoder.decode(new Uint8Array(file, 4, start - 4))) as { rows: number; columns: Column[] };
  const rows: Record<string, unknown>[] = Array.from({ length: header.rows }, () => ({}));
  for (const column of header.columns) {
    unpacked(data, start + column.offset, header.rows, column.type).forEach((value, at) => {
      (rows[at] as Record<string, unknown>)[column.name] = value;
    });
  }
  return rows;
}

function unpacked(data: DataView, at: number, count: number, kind: Kind): unknown[] {
  const values = at + padded(count);
  const lengths = Array.from({ length: count }, (_, i) => (kind === "string" ? data.getUint32(values + 4 * i, true) : 0));
  let text = values + padded(4 * count);
  return lengths.map((length, i) => {
    text += length;
    if (data.getUint8(at + i) === 0) return null;
    if (kind === "string") return decoder.decode(new Uint8Array(data.buffer, text - length, length));
    if (kind === "bool") return data.getUint8(values + i) === 1;
    return kind === "float" ? data.getFloat64(values + 8 * i, true) : data.getBigInt64(values + 8 * i, true);
  });
}

function packed(values: readonly unknown[], kind: Kind): Uint8Array {
  const texts = kind === "string" ? values.map((value) => encoder.encode(checked(value, "string") ?? "")) : [];
  const width = { float: 8, timestamp: 8, string: 4, bool: 1 }[kind];
  const head = padded(values.length);
  const body = head + padded(width * values.length);
  const out = new Uint8Array(body + padded(texts.reduce((sum, text) => sum + text.length, 0)));
  const data = new DataView(out.buffer);
  let end = body;
  values.forEach((value, i) => {
    if (value === null) return;
    out[i] = 1;
    const at = head + width * i;
    if (kind === "float") data.setFloat64(at, checked(value, "number"), true);
    else if (kind === "bool") out[at] = checked(value, "boolean") ? 1 : 0;
    else if (kind === "timestamp") data.setBigInt64(at, instant(value), true);
    else {
      const text = texts[i] as Uint8Array;
      data.setUint32(at, text.length, true);
      out.set(text, end);
      end += text.length;
    }
  });
  return out;
}

interface Types {
  string: string;
  number: number;
  boolean: boolean;
}

function checked<T extends keyof Types>(value: unknown, type: T): Types[T] {
  if (value !== null && typeof value !== type) throw new TypeError(`${String(value)} is no ${type}`);
  return value as Types[T];
}

/** A number where it is exact, a bigint beyond; anything else is not what was promised. */
function instant(value: unknown): bigint {
  const large = typeof value === "bigint" && (value > 9007199254740991n || value < -9007199254740991n);
  if (!large && !Number.isSafeInteger(value)) throw new TypeError(`${String(value)} is no instant`);
  return BigInt(value as number | bigint);
}

function padded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64(bytes: Uint8Array): string {
  return btoa([...bytes].map((byte) => String.fromCharCode(byte)).join(""));
}

// ---- golden vectors ----------------------------------------------------------------------------

function counted(vector: Vector, golden: Generated): Counted {
  const names = Object.entries(vector.columns);
  const wrong = vector.rows.flatMap((row) => {
    const input = Object.fromEntries(names.map(([name, kind], i) => [name, decode(row[i], kind)]));
    const found = encode(golden.row(input)[vector.name], vector.type);
    return found === row[names.length] ? [] : [`${JSON.stringify(row)}: ${String(found)}`];
  });
  return { compared: vector.rows.length, different: wrong.length, first: wrong[0] ?? "" };
}

function decode(value: unknown, kind: Kind): unknown {
  if (value === null || kind === "bool" || kind === "string") return value;
  if (kind === "timestamp") return BigInt(value as string);
  view.setBigUint64(0, BigInt(`0x${value as string}`));
  return view.getFloat64(0);
}

function encode(value: unknown, kind: Kind): unknown {
  if (value === null || kind === "bool" || kind === "string") return value;
  if (kind === "timestamp") return String(instant(value));
  view.setFloat64(0, checked(value, "number"));
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}
