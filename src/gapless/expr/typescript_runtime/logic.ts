/** Logic of three values, and comparison of texts. */

/** False when either is false, else null when either is null. */
export function and(p: boolean | null, q: boolean | null): boolean | null {
  return p === false || q === false ? false : p === null || q === null ? null : true;
}

/** True when either is true, else null when either is null. */
export function or(p: boolean | null, q: boolean | null): boolean | null {
  return p === true || q === true ? true : p === null || q === null ? null : false;
}

/** Below 0, 0 or above 0, as the code points of s are below, equal to or above those of t. */
export function compareText(s: string, t: string): number {
  const shorter = Math.min(s.length, t.length);
  for (let at = 0; at < shorter; at++) {
    const a = s.charCodeAt(at);
    const b = t.charCodeAt(at);
    if (a !== b) return rank(a) - rank(b);
  }
  return s.length - t.length;
}

/** Surrogates stand for code points above all others, though their numbers are not the highest. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
