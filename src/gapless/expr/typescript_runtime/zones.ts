/**
 * Time zones as tables of transitions that the emitter wrote, from the same database as Python's: neither the machine's
 * database nor Intl decides an hour. All in whole seconds. After the table's end the calendar repeats every 400 years.
 */

const PERIOD = 146097 * 86400;
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

/** Offsets from UTC. */
export class Zone {
  private last = 0;

  constructor(
    /** When each offset begins, ascending; the first is -Infinity. */
    private readonly starts: readonly number[],
    /** Local time minus UTC from then on. */
    private readonly offsets: readonly number[],
    /** The local time up to which the offset before still gives the first reading. */
    private readonly walls: readonly number[],
    /** Instants from here on are looked up whole periods earlier; Infinity where the last offset stays. */
    private readonly ends: number,
  ) {}

  /** Local time minus UTC at an instant. */
  offsetAt(instant: number): number {
    const at = instant - this.back(instant);
    const last = this.last;
    if (at >= (this.starts[last] as number) && at < (this.starts[last + 1] ?? Infinity)) return this.offsets[last] as number;
    this.last = lastUpTo(this.starts, at);
    return this.offsets[this.last] as number;
  }

  /** The first instant that reads `wall`; the end of the gap where `wall` is skipped. */
  instantOf(wall: number): number {
    const back = this.back(wall);
    const index = lastUpTo(this.walls, wall - back);
    return Math.min(wall - back - (this.offsets[index] as number), this.starts[index + 1] ?? Infinity) + back;
  }

  private back(at: number): number {
    return at >= this.ends ? Math.ceil((at - this.ends + 1) / PERIOD) * PERIOD : 0;
  }
}

/**
 * A zone from what the emitter wrote.
 *
 * @param first the offset before the first transition
 * @param history pairs: seconds since the transition before (the first: since 1970), offset from then on
 * @param pairs the pairs that `tail` names by digit
 * @param tail transitions after those of `history`, one digit each
 * @param ends whether the rule goes on after the last transition
 */
export function zone(first: number, history: readonly number[], pairs: readonly number[], tail: string, ends: boolean): Zone {
  const starts = [-Infinity];
  const offsets = [first];
  const walls = [-Infinity];
  let at = 0;
  const append = (from: readonly number[], index: number): void => {
    const offset = from[index + 1] as number;
    at += from[index] as number;
    starts.push(at);
    walls.push(at + Math.max(offset, offsets[offsets.length - 1] as number));
    offsets.push(offset);
  };
  for (let index = 0; index < history.length; index += 2) append(history, index);
  for (const digit of tail) append(pairs, 2 * DIGITS.indexOf(digit));
  return new Zone(starts, offsets, walls, ends ? at : Infinity);
}

/** The index of the last item that is not above `value`. */
function lastUpTo(items: readonly number[], value: number): number {
  let low = 0;
  let high = items.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((items[middle] as number) <= value) low = middle;
    else high = middle;
  }
  return low;
}
