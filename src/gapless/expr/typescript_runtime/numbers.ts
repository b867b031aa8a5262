/** What operations on numbers mean. Undefined results are NaN; `finite` makes them null. */

/** x; null for NaN and ±Infinity. */
export function finite(x: number): number | null {
  return x - x === 0 ? x : null;
}

/** The remainder with the sign of y: exact, then at most one rounding. Never -0. */
export function modulo(x: number, y: number): number {
  const m = x % y;
  return (m !== 0 && m < 0 !== y < 0 ? m + y : m) + 0;
}

/** The floor of the quotient. Never -0. */
export function floorDivide(x: number, y: number): number {
  const q = (x - modulo(x, y)) / y;
  const f = Math.floor(q) + 0;
  return q - f > 0.5 ? f + 1 : f;
}

/** The largest whole number not above x. Never -0. */
export function floor(x: number): number {
  return Math.floor(x) + 0;
}

/** The smallest whole number not below x. Never -0. */
export function ceil(x: number): number {
  return Math.ceil(x) + 0;
}

/** The nearest whole number; halves go up. Never -0. */
export function roundHalfUp(x: number): number {
  const f = Math.floor(x) + 0;
  return x - f >= 0.5 ? f + 1 : f;
}

/** The less of two; -0 is below 0. */
export function least(x: number, y: number): number {
  return x < y || (x === y && 1 / x < 0) ? x : y;
}

/** The greater of two; -0 is below 0. */
export function greatest(x: number, y: number): number {
  return x > y || (x === y && 1 / x > 0) ? x : y;
}
