"""Writing the byte form of `windows.codec` in compiled code.

A writer takes the place where it begins and gives the place after what it wrote. Who calls has made room: for what is
written, and for a word beyond it.
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.limbs import settle
from gapless.windows.states.decoding import rank
from gapless.windows.states.kernels import BOOL, FLOAT, INT, MIN, bare
from gapless.windows.states.scanning import NONE
from gapless.windows.states.words import Bytes, leading_zeros, load, store, store_byte

__all__ = ["POINT", "put_extreme", "put_header", "put_limbs", "put_number", "put_order", "put_tile", "put_value"]

POINT = 44  # bytes that suffice for a point, or a member, without its text
_ENDS = np.uint64(0x8080808080808080)
_U32 = (1 << 32) - 1
_U57 = (1 << 57) - 1


@bare
def put_number(out: Bytes, at: int, number: int) -> int:
    """A varint of 64 bits; what is negative stands for 2^64 more."""
    if number >> 7 == 0:
        store_byte(out, at, number)
        return at + 1
    if number >> 56 == 0:
        # spread: eights to sevens in a byte, the other way round than `decoding.number`
        word = (number & 0x0FFFFFFF) | ((number & 0x00FFFFFFF0000000) << 4)
        word = (word & 0x00003FFF00003FFF) | ((word & 0x0FFFC0000FFFC000) << 2)
        word = (word & 0x007F007F007F007F) | ((word & 0x3F803F803F803F80) << 1)
        length = (70 - leading_zeros(number)) // 7
        store(out, at, word | int(np.int64(_ENDS >> np.uint64(72 - 8 * length))))
        return at + length
    while number >> 7 != 0:
        store_byte(out, at, number & 0x7F | 0x80)
        number = (number >> 7) & _U57
        at += 1
    store_byte(out, at, number)
    return at + 1


@bare
def _put_signed(out: Bytes, at: int, number: int) -> int:
    return put_number(out, at, (number << 1) ^ (number >> 63))


@bare
def put_header(out: Bytes, end: int, fingerprint: int, tiles: int) -> int:
    """What stands before the tiles, written so that it ends at `end`; gives where the state begins."""
    length = max((70 - leading_zeros(tiles)) // 7, 1)
    first = load(out, end)  # a number is written as a word
    put_number(out, end - length, tiles)
    store(out, end, first)
    at = end - length - 10
    store_byte(out, at, 1)
    store_byte(out, at + 1, 8)
    for k in range(8):
        store_byte(out, at + 2 + k, fingerprint >> (8 * k))
    return at


@bare
def put_tile(out: Bytes, at: int, tier: int, start: int) -> int:
    """Which tile it is."""
    return _put_signed(out, put_number(out, at, tier), start)


@bare
def put_order(out: Bytes, at: int, event_time: int, known_at: int, offset: int) -> int:
    """Event time, known_at and offset of a point."""
    return _put_signed(out, _put_signed(out, _put_signed(out, at, event_time), known_at), offset)


@bare
def put_value(out: Bytes, at: int, kind: int, bits: int, length: int, texts: Bytes) -> int:
    """A value with its type; of a text, `bits` is where it begins in `texts`."""
    if kind == FLOAT:
        store_byte(out, at, 2)
        store(out, at + 1, bits)
        return at + 9
    if kind == BOOL:
        store_byte(out, at, bits)
        return at + 1
    if kind == INT:
        store_byte(out, at, 3)
        return _put_signed(out, at + 1, bits)
    store_byte(out, at, 4)
    at = put_number(out, at + 1, length)
    for k in range(0, length, 8):
        store(out, at + k, load(texts, bits + k))
    return at + length


@bare
def put_extreme(out: Bytes, at: int, part: int, kind: int, place: int, texts: Bytes) -> int:
    """A smallest or largest number, of which `place` is the rank as `scanning` keeps it."""
    store_byte(out, at, place != NONE)
    if place == NONE:
        return at + 1
    return put_value(out, at + 1, kind, rank(~place if part == MIN else place), 0, texts)


@bare
def put_limbs(out: Bytes, at: int, limbs: Ints, spans: Ints, row: int, digits: Ints) -> int:
    """An exact sum: a row of limbs within its span, which are zero and empty thereafter. Row 0 of the limbs is zero."""
    low, high = spans[row, 0], spans[row, 1]
    if high < 0:
        store(out, at, 0)
        return at + 2
    negative = settle(limbs, row, 0, low, high, digits)
    limbs[row, low : high + 1] = 0
    spans[row, 0], spans[row, 1] = 1 << 20, -1
    top = high + 2
    while top >= low and digits[top] == 0:
        top -= 1
    if top < low:
        store(out, at, 0)
        return at + 2
    while digits[low] == 0:
        low += 1
    count = top - low + 1 + (digits[top] >> 31)  # a magnitude that fills its limbs has one more for the sign
    at = put_number(out, put_number(out, at, low), count)
    carry = 1
    for k in range(count):
        digit = digits[low + k] if low + k <= top else 0
        if negative:
            digit = (digit ^ _U32) + carry
            carry = digit >> 32
        store(out, at + 4 * k, digit & _U32)
    return int(at + 4 * count)
