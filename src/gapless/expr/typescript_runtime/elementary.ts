/**
 * exp, log, log1p and power, line by line as `gapless.expr.elementary` has them: only + - * /, comparisons, floor and
 * scaling by powers of two, so every engine gives the same bits. Math.exp and Math.log differ between engines.
 */

import { EXP, LOG } from "./tables.js";

const SPLITTER = 134217729; // 2^27 + 1
const SQRT_HALF = 0.7071067811865476;
const LN2_HIGH = 0.6931471805598903; // ln 2 cut to 42 bits: times any exponent it is exact
const LN2_LOW = 5.497923018708371e-14;
const STEP_HIGH = 0.021660849392446835; // ln 2 / 32 cut to 37 bits
const STEP_LOW = 5.145609244655338e-14;
const STEPS_PER_UNIT = 46.16624130844683; // 32 / ln 2
const OVERFLOW = 709.79;
const UNDERFLOW = -745.14;
const FIRST = 90; // the log table begins at m = 90/128
const TWO_54 = 18014398509481984;

const bits = new DataView(new ArrayBuffer(8));
let lowPart = 0; // the second float of what logParts gave last

/** 2 to the k, for a k from -1022 to 1023. */
function powerOfTwo(k: number): number {
  bits.setInt32(0, (k + 1023) << 20);
  bits.setInt32(4, 0);
  return bits.getFloat64(0);
}

/** The entry of a table; an index outside is a fault of this file. */
function entry(table: readonly number[], at: number): number {
  return table[at] as number;
}

/** log x of a positive finite x as a sum of two floats, the first of them the nearest to it; the second in lowPart. */
function logParts(x: number): number {
  // x = m 2^k with m in [1/2, 1), as frexp.
  let k = 0;
  bits.setFloat64(0, x);
  if (bits.getInt32(0) >> 20 === 0) {
    k = -54;
    bits.setFloat64(0, x * TWO_54);
  }
  const top = bits.getInt32(0);
  k += (top >> 20) - 1022;
  bits.setInt32(0, (top & 0xfffff) | 0x3fe00000);
  let m = bits.getFloat64(0);
  if (m < SQRT_HALF) {
    m = m * 2;
    k = k - 1;
  }
  const at = 3 * (Math.floor(m * 128 + 0.5) - FIRST);
  const c = entry(LOG, at);
  // r = m c - 1 = rh + rl, exactly: both halves of m times c are exact.
  let t = m * SPLITTER;
  const mHigh = t - (t - m);
  let a = mHigh * c - 1;
  let b = (m - mHigh) * c;
  const rh = a + b;
  t = rh - a;
  const rl = a - (rh - t) + (b - t);
  // r^2 = ph + pl
  t = rh * SPLITTER;
  const rHigh = t - (t - rh);
  const rLow = rh - rHigh;
  const ph = rh * rh;
  const pl = rHigh * rHigh - ph + 2 * rHigh * rLow + rLow * rLow + 2 * rh * rl;
  let q = 1 / 9 + rh * (-1 / 10 + rh * (1 / 11));
  q = 1 / 5 + rh * (-1 / 6 + rh * (1 / 7 + rh * (-1 / 8 + rh * q)));
  q = rh * ph * (1 / 3 + rh * (-1 / 4 + rh * q));
  // The large parts: k ln 2, -log c, r, -r^2/2, each sum with its error.
  a = k * LN2_HIGH;
  b = entry(LOG, at + 1);
  let s = a + b;
  t = s - a;
  let low = a - (s - t) + (b - t);
  a = s;
  s = a + rh;
  t = s - a;
  low = low + (a - (s - t) + (rh - t));
  a = s;
  b = -0.5 * ph;
  s = a + b;
  t = s - a;
  low = low + (a - (s - t) + (b - t));
  low = low + (q + (rl - 0.5 * pl) + (entry(LOG, at + 2) + k * LN2_LOW));
  const high = s + low;
  lowPart = low - (high - s);
  return high;
}

/** e to the x + low, for a low that is tiny beside x; Infinity on overflow, 0 on underflow. */
function expParts(x: number, low: number): number {
  if (x > OVERFLOW) return Infinity;
  if (x < UNDERFLOW) return 0;
  const n = Math.floor(x * STEPS_PER_UNIT + 0.5);
  const k = n >> 5;
  const at = 2 * (n & 31);
  const a = x - n * STEP_HIGH;
  const b = -(n * STEP_LOW);
  let r = a + b;
  let t = r - a;
  low = low + (a - (r - t) + (b - t));
  t = r;
  r = t + low;
  low = low - (r - t);
  const q = 1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040)));
  const p = r + (low + r * r * (0.5 + r * (1 / 6 + r * q)));
  const y = entry(EXP, at) + (entry(EXP, at + 1) + entry(EXP, at) * p);
  if (k > 1022) return y * powerOfTwo(k - 2) * 4;
  if (k < -1020) return y * powerOfTwo(k + 100) * powerOfTwo(-100); // the second factor alone rounds
  return y * powerOfTwo(k);
}

/** Natural logarithm; NaN for 0 and below. */
export function log(x: number): number {
  return x > 0 ? logParts(x) : NaN;
}

/** log(1 + x); NaN for -1 and below. */
export function log1p(x: number): number {
  if (!(x > -1)) return NaN;
  if (x === 0) return x;
  const u = 1 + x;
  let t = u - 1;
  const rest = 1 - (u - t) + (x - t);
  const high = logParts(u);
  const low = lowPart;
  const b = rest / u;
  const s = high + b;
  t = s - high;
  return s + (high - (s - t) + (b - t) + low);
}

/** e to the x; Infinity on overflow. */
export function exp(x: number): number {
  return expParts(x, 0);
}

/** x to the y; NaN for 0 to a negative and for a negative x with a y that is not whole, Infinity on overflow. */
export function power(x: number, y: number): number {
  if (y === 2) return x * x;
  if (y === 1) return x;
  if (y === 0 || x === 1) return 1;
  const large = Math.abs(y) >= 9007199254740992;
  const whole = large || Math.floor(y) === y;
  const odd = !large && whole && Math.floor(y * 0.5) !== y * 0.5;
  if (x === 0) return y < 0 ? NaN : odd ? x : 0;
  if (x < 0 && !whole) return NaN;
  const sign = x < 0 && odd ? -1 : 1;
  const high = logParts(Math.abs(x));
  const low = lowPart;
  const product = y * high;
  if (product > OVERFLOW) return Infinity;
  if (product < UNDERFLOW - 1) return sign * 0;
  let t = y * SPLITTER;
  const yHigh = t - (t - y);
  const yLow = y - yHigh;
  t = high * SPLITTER;
  const hHigh = t - (t - high);
  const hLow = high - hHigh;
  const rest = yHigh * hHigh - product + yHigh * hLow + yLow * hHigh + yLow * hLow + y * low;
  return sign * expParts(product, rest);
}
