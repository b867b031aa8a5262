"""exp, log, log1p and power by an algorithm of our own, so that every engine gives the same bits.

Only IEEE float64 + - * /, comparisons, floor and scaling by powers of two: no libm, whose last bit differs between
platforms, and no fused multiply-add. The same source runs as Python for one row and is compiled by numba for columns
(`column_math`); TypeScript repeats it line by line. The tables come in as arguments, flat, for the same reason.

log: x = 2^k m with m in [√½, √2); c ≈ 1/m from a table has so few bits that r = m c - 1 is exact as a sum of two
floats; log x = k ln 2 - log c + log1p(r), the large parts summed without error [1, 2].
exp: x = (32 k + j) ln 2 / 32 + r; e^x = 2^k 2^(j/32) (1 + p(r)) with 2^(j/32) as a sum of two floats [1].
power: e^(y log x) with the logarithm and the product as sums of two floats.

Error before the last rounding: log 2^-65 relative, exp 0.03 ulp, log1p and power 0.16 ulp. So a result that is a float
comes out exactly, and every other one is less than 0.7 ulp off; a denormal is rounded twice, and less than 1 ulp off.
Tests hold this against mpmath.

References: [1] P. T. P. Tang, table-driven implementation of exp and log, ACM TOMS 1989 and 1990. [2] T. J. Dekker,
1971; D. E. Knuth (two-sum).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["exp", "exp_parts", "log", "log1p", "log_parts", "power"]

_SPLITTER = 134217729.0  # 2^27 + 1
_SQRT_HALF = 0.7071067811865476
_LN2_HIGH = 0.6931471805598903  # ln 2 cut to 42 bits: times any exponent it is exact
_LN2_LOW = 5.497923018708371e-14
_STEP_HIGH = 0.021660849392446835  # ln 2 / 32 cut to 37 bits
_STEP_LOW = 5.145609244655338e-14
_STEPS_PER_UNIT = 46.16624130844683  # 32 / ln 2
_OVERFLOW = 709.79
_UNDERFLOW = -745.14
_FIRST = 90  # the log table begins at m = 90/128


def log_parts(x: float, table: Sequence[float]) -> tuple[float, float]:
    """log x of a positive finite x as a sum of two floats, the first of them the nearest to it."""
    m, k = math.frexp(x)
    if m < _SQRT_HALF:
        m = m * 2.0
        k = k - 1
    at = 3 * (int(m * 128.0 + 0.5) - _FIRST)
    c = table[at]
    # r = m c - 1 = rh + rl, exactly: both halves of m times c are exact.
    t = m * _SPLITTER
    m_high = t - (t - m)
    a = m_high * c - 1.0
    b = (m - m_high) * c
    rh = a + b
    t = rh - a
    rl = (a - (rh - t)) + (b - t)
    # r^2 = ph + pl
    t = rh * _SPLITTER
    r_high = t - (t - rh)
    r_low = rh - r_high
    ph = rh * rh
    pl = ((r_high * r_high - ph) + 2.0 * r_high * r_low) + r_low * r_low + 2.0 * rh * rl
    q = 1.0 / 9.0 + rh * (-1.0 / 10.0 + rh * (1.0 / 11.0))
    q = 1.0 / 5.0 + rh * (-1.0 / 6.0 + rh * (1.0 / 7.0 + rh * (-1.0 / 8.0 + rh * q)))
    q = rh * ph * (1.0 / 3.0 + rh * (-1.0 / 4.0 + rh * q))
    # The large parts: k ln 2, -log c, r, -r^2/2, each sum with its error.
    a = k * _LN2_HIGH
    b = table[at + 1]
    s = a + b
    t = s - a
    low = (a - (s - t)) + (b - t)
    a = s
    s = a + rh
    t = s - a
    low = low + ((a - (s - t)) + (rh - t))
    a = s
    b = -0.5 * ph
    s = a + b
    t = s - a
    low = low + ((a - (s - t)) + (b - t))
    low = low + (q + (rl - 0.5 * pl) + (table[at + 2] + k * _LN2_LOW))
    high = s + low
    return high, low - (high - s)


def exp_parts(x: float, low: float, table: Sequence[float]) -> float:
    """e to the x + low, for a low that is tiny beside x; inf on overflow, 0 on underflow."""
    if x > _OVERFLOW:
        return math.inf
    if x < _UNDERFLOW:
        return 0.0
    n = math.floor(x * _STEPS_PER_UNIT + 0.5)
    k = n >> 5
    at = 2 * (n & 31)
    a = x - n * _STEP_HIGH
    b = -(n * _STEP_LOW)
    r = a + b
    t = r - a
    low = low + ((a - (r - t)) + (b - t))
    t = r
    r = t + low
    low = low - (r - t)
    q = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)))
    p = r + (low + r * r * (0.5 + r * (1.0 / 6.0 + r * q)))
    y = table[at] + (table[at + 1] + table[at] * p)
    if k > 1022:
        return y * math.ldexp(1.0, k - 2) * 4.0
    if k < -1020:
        return y * math.ldexp(1.0, k + 100) * math.ldexp(1.0, -100)  # the second factor alone rounds
    return y * math.ldexp(1.0, k)


def log(x: float, log_table: Sequence[float]) -> float:
    """Natural logarithm; NaN for 0 and below."""
    if not x > 0.0:
        return math.nan
    return log_parts(x, log_table)[0]


def log1p(x: float, log_table: Sequence[float]) -> float:
    """log(1 + x); NaN for -1 and below."""
    if not x > -1.0:
        return math.nan
    if x == 0.0:
        return x
    u = 1.0 + x
    t = u - 1.0
    rest = (1.0 - (u - t)) + (x - t)
    high, low = log_parts(u, log_table)
    b = rest / u
    s = high + b
    t = s - high
    return s + (((high - (s - t)) + (b - t)) + low)


def exp(x: float, exp_table: Sequence[float]) -> float:
    """e to the x; inf on overflow."""
    return exp_parts(x, 0.0, exp_table)


def power(x: float, y: float, log_table: Sequence[float], exp_table: Sequence[float]) -> float:
    """x to the y; NaN for 0 to a negative and for a negative x with a y that is not whole, inf on overflow."""
    if y == 2.0:
        return x * x
    if y == 1.0:
        return x
    if y == 0.0 or x == 1.0:
        return 1.0
    large = abs(y) >= 9007199254740992.0
    whole = large or math.floor(y) == y
    odd = not large and whole and math.floor(y * 0.5) != y * 0.5
    if x == 0.0:
        if y < 0.0:
            return math.nan
        return x if odd else 0.0
    if x < 0.0 and not whole:
        return math.nan
    sign = -1.0 if x < 0.0 and odd else 1.0
    high, low = log_parts(abs(x), log_table)
    product = y * high
    if product > _OVERFLOW:
        return math.inf
    if product < _UNDERFLOW - 1.0:
        return sign * 0.0
    t = y * _SPLITTER
    y_high = t - (t - y)
    y_low = y - y_high
    t = high * _SPLITTER
    h_high = t - (t - high)
    h_low = high - h_high
    rest = ((y_high * h_high - product) + y_high * h_low + y_low * h_high) + y_low * h_low + y * low
    return sign * exp_parts(product, rest, exp_table)
