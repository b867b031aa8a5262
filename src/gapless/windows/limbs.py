"""Exact sums in compiled code: integers of 32-bit limbs, each held in an int64 so that carries can wait.

    a float         m * 2^(p - 1074)          53-bit m, p = 0 .. 2045
    limb            p // 32 ...               m, shifted by p % 32, spreads over three limbs
    a limb grows    by less than 2^33         so 2^30 numbers fit before a carry would be lost
    a square        m^2 * 2^(2p - 2148)       106 bits over five limbs

Adding and removing touch limbs and nothing else; carries are settled when a value is read, between the lowest and the
highest limb touched.

References: [1] R. M. Neal, Fast exact summation using small and large superaccumulators, arXiv:1505.05571, 2015.
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.jit import inlined

__all__ = ["OVERFLOW", "SQUARE_LIMBS", "SUM_LIMBS", "add", "add_square", "limb_of", "numerator", "rounded", "settle"]

SUM_LIMBS = 72  # 2098 bits of a float, 31 of a count, and room to read past the top
SQUARE_LIMBS = 144
OVERFLOW = -1  # no rounded magnitude has these bits
_MASK = (1 << 32) - 1
_FRACTION = (1 << 52) - 1
_INFINITY = 0x7FF << 52
_U32 = np.uint64(32)
_UMASK = np.uint64(_MASK)


@inlined
def limb_of(bits: int) -> int:
    """The lowest limb that a float touches."""
    return (max((bits >> 52) & 0x7FF, 1) - 1) >> 5


@inlined
def add(limbs: Ints, row: int, bits: int) -> None:
    """Add the float with these bits to a row of limbs."""
    field = (bits >> 52) & 0x7FF
    mantissa = bits & _FRACTION
    if field > 0:
        mantissa |= _FRACTION + 1
        field -= 1
    limb, shift = field >> 5, field & 31
    low = (mantissa & _MASK) << shift
    high = (mantissa >> 32) << shift
    sign = 1 | (bits >> 63)
    limbs[row, limb] += sign * (low & _MASK)
    limbs[row, limb + 1] += sign * ((low >> 32) + (high & _MASK))
    limbs[row, limb + 2] += sign * (high >> 32)


@inlined
def add_square(limbs: Ints, row: int, bits: int) -> None:
    """Add the square of the float with these bits: schoolbook on two digits, then a shift."""
    field = (bits >> 52) & 0x7FF
    mantissa = bits & _FRACTION
    if field > 0:
        mantissa |= _FRACTION + 1
        field -= 1
    limb, shift = (2 * field) >> 5, np.uint64((2 * field) & 31)
    low, high = np.uint64(mantissa & _MASK), np.uint64(mantissa >> 32)
    bottom, cross, top = low * low, (low * high) << np.uint64(1), high * high
    carry = (bottom >> _U32) + (cross & _UMASK)
    d0 = (bottom & _UMASK) << shift
    d1 = (carry & _UMASK) << shift
    carry = (carry >> _U32) + (cross >> _U32) + (top & _UMASK)
    d2 = (carry & _UMASK) << shift
    d3 = ((carry >> _U32) + (top >> _U32)) << shift
    limbs[row, limb] += np.int64(d0 & _UMASK)
    limbs[row, limb + 1] += np.int64((d0 >> _U32) + (d1 & _UMASK))
    limbs[row, limb + 2] += np.int64((d1 >> _U32) + (d2 & _UMASK))
    limbs[row, limb + 3] += np.int64((d2 >> _U32) + (d3 & _UMASK))
    limbs[row, limb + 4] += np.int64(d3 >> _U32)


@inlined
def settle(limbs: Ints, whole: int, gone: int, low: int, high: int, digits: Ints) -> bool:
    """Write the digits of |whole - gone| to `digits[low : high + 3]`; True where the difference is negative."""
    carry = 0
    for k in range(low, high + 1):
        value = limbs[whole, k] - limbs[gone, k] + carry
        digits[k] = value & _MASK
        carry = value >> 32
    digits[high + 1] = carry & _MASK
    digits[high + 2] = (carry >> 32) & _MASK
    if carry >= 0:
        return False
    carry = 1
    for k in range(low, high + 3):
        value = (digits[k] ^ _MASK) + carry
        digits[k] = value & _MASK
        carry = value >> 32
    return True


@inlined
def rounded(digits: Ints, low: int, high: int, floor: int) -> int:
    """The bits of the float nearest to the digits, ties to even; OVERFLOW beyond the largest.

    Bit `floor` of the digits weighs 2^-1074, the last place of a subnormal: 0 for sums, 1074 for squares.
    """
    top = high
    while top >= low and digits[top] == 0:
        top -= 1
    if top < low:
        return 0
    length = int(np.float64(digits[top]).view(np.int64) >> 52) - 1022  # of a number below 2^53 in bits
    cut: int = max(32 * top + length - 53, floor)
    limb, shift = cut >> 5, cut & 31
    mantissa = 0
    for k in range(max(limb, low), top + 1):
        place = 32 * (k - limb) - shift
        mantissa |= digits[k] << place if place >= 0 else digits[k] >> -place
    if cut > 0:
        mantissa += _round_up(digits, low, top, cut - 1, mantissa & 1)
    exponent = cut - floor
    if exponent > 2045:
        return OVERFLOW
    bits = (exponent << 52) + mantissa
    return bits if bits < _INFINITY else OVERFLOW


@inlined
def _round_up(digits: Ints, low: int, top: int, half: int, odd: int) -> int:
    """1 where what is cut off, whose highest bit is `half`, is over one half, or one half and the rest is odd."""
    limb = half >> 5
    if limb > top or limb < low:
        return 0
    mask = 1 << (half & 31)
    if digits[limb] & mask == 0:
        return 0
    if odd or digits[limb] & (mask - 1):
        return 1
    for k in range(low, limb):
        if digits[k]:
            return 1
    return 0


@inlined
def numerator(
    count: int, sums: Ints, low: int, high: int, squares: Ints, square_low: int, square_high: int, out: Ints
) -> tuple[int, int]:
    """Write the digits of count * squares - sums^2 to `out[first : last + 1]`, and give first and last.

    `sums` and `squares` are settled digits in [low, high] and [square_low, square_high]; the result is never negative.
    """
    first, last = min(2 * low, square_low), max(2 * high + 1, square_high + 1)
    for k in range(first, last + 1):
        out[k] = 0
    while low <= high and sums[high] == 0:
        high -= 1
    while low <= high and sums[low] == 0:
        low += 1
    for i in range(low, high + 1):
        carry = np.uint64(0)
        for j in range(low, high + 1):
            total = np.uint64(sums[i]) * np.uint64(sums[j]) + np.uint64(out[i + j]) + carry
            out[i + j] = np.int64(total & _UMASK)
            carry = total >> _U32
        out[i + high + 1] = np.int64(carry)
    product = borrow = 0
    for k in range(first, last + 1):
        if square_low <= k <= square_high:
            product += squares[k] * count
        value = (product & _MASK) - out[k] + borrow
        out[k] = value & _MASK
        borrow = value >> 32
        product >>= 32
    return first, last
