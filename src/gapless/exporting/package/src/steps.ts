/** On-demand features, one after the other. */
import { type Columns, type Row, type Value } from "./rows.js";

/** One on_demand: the columns that it reads, and the function that it became. */
export interface Step {
  readonly name: string;
  readonly reads: readonly string[];
  readonly run: (row: Row) => Readonly<Record<string, Value>>;
}

/** Adds every computed column to a row of checked values. */
export function apply(values: Row, steps: readonly Step[], computed: Columns): void {
  for (const step of steps) {
    const read = Object.create(null) as Row;
    for (const name of step.reads) read[name] = values[name] ?? null;
    Object.assign(values, step.run(read));
  }
  for (const [name, kind] of computed) {
    const value = values[name];
    if (kind === "timestamp" && typeof value === "number") values[name] = BigInt(value); // near us in time it is one
  }
}
