/** What operations on text mean: by code point, with ASCII letters and ASCII blanks only. */

const SURROGATE = /[\ud800-\udfff]/;
const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** A-Z to a-z; every other character stays. */
export function asciiLower(s: string): string {
  return s.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** a-z to A-Z; every other character stays. */
export function asciiUpper(s: string): string {
  return s.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** Without space, tab, line feed, vertical tab, form feed, carriage return at both ends. */
export function trim(s: string): string {
  let start = 0;
  let stop = s.length;
  while (start < stop && isBlank(s.charCodeAt(start))) start++;
  while (stop > start && isBlank(s.charCodeAt(stop - 1))) stop--;
  return s.slice(start, stop);
}

function isBlank(unit: number): boolean {
  return unit === 32 || (unit >= 9 && unit <= 13);
}

/** Number of code points. */
export function lengthOf(s: string): number {
  let count = s.length;
  for (let at = 0; at < s.length; at++) {
    if (isLow(s.charCodeAt(at))) count--;
  }
  return count;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Code points from start up to stop; a negative one counts from the end, null is the end. */
export function slice(s: string, start: number, stop: number | null): string {
  if (!SURROGATE.test(s)) return s.slice(start, stop ?? s.length);
  return [...s].slice(start, stop ?? undefined).join("");
}

/** Each occurrence of `old`, from the left without overlap, becomes `by`. */
export function replace(s: string, old: string, by: string): string {
  return s.includes(old) ? s.split(old).join(by) : s;
}

/** The nearest float of a decimal number; NaN for any other text; ±Infinity where it is too large. */
export function parseNumber(s: string): number {
  return NUMBER.test(s) ? Number(s) : NaN;
}

/** MurmurHash3 x86 32 bit of the UTF-8 bytes, unsigned. */
export function murmur3(s: string, seed: number): number {
  let h = seed | 0;
  let word = 0;
  let length = 0;
  const push = (byte: number): void => {
    word |= byte << ((length & 3) << 3);
    length++;
    if ((length & 3) === 0) {
      h ^= scrambled(word);
      h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
      word = 0;
    }
  };
  for (let at = 0; at < s.length; at++) {
    const code = s.codePointAt(at) as number;
    if (code < 0x80) {
      push(code);
    } else {
      if (code < 0x800) {
        push(0xc0 | (code >> 6));
      } else {
        if (code < 0x10000) {
          push(0xe0 | (code >> 12));
        } else {
          push(0xf0 | (code >> 18));
          push(0x80 | ((code >> 12) & 63));
          at++;
        }
        push(0x80 | ((code >> 6) & 63));
      }
      push(0x80 | (code & 63));
    }
  }
  if ((length & 3) !== 0) h ^= scrambled(word);
  h ^= length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function scrambled(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}
