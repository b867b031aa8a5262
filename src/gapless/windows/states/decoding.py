"""Reading the byte form of `windows.codec` in compiled code.

A parser takes the place where it begins and where the state stops, and gives the place after what it read. Where the
bytes are nothing that a Writer writes that place is beyond the stop: who calls looks before it goes on, at the latest
PADDING bytes later. Parsers are stricter than `codec.Reader`: one spelling for each value and nothing else.
"""

from __future__ import annotations

from gapless.windows.batch import Ints
from gapless.windows.states.kernels import BOOL, FLOAT, INT, bare
from gapless.windows.states.words import Bytes, load, load_byte, trailing_zeros

__all__ = ["add_limbs", "compare", "limbs_at", "number", "order", "rank", "signed", "value"]

_ENDS = -0x7F7F7F7F7F7F7F80  # the highest bit of each byte
_EIGHTH = -(1 << 63)
_LOW = (1 << 63) - 1
_U32 = (1 << 32) - 1
_INFINITY = 0x7FF


@bare
def number(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """A varint of at most 64 bits; one of 2^63 or more comes out negative."""
    word = load(data, at)
    if word & 0x80 == 0:
        return word & 0x7F, at + 1
    ends = ~word & _ENDS
    if ends == _EIGHTH:  # an instant of our days: to predict the length is faster than to work it out
        sevens = _gathered(word)
        return sevens, at + 8 if sevens >> 49 else stop + 1
    if ends == 0:
        return _long(data, at + 8, stop, _gathered(word))
    bits = trailing_zeros(ends) + 1
    word = _gathered(word & ((1 << bits) - 1))
    padded = word >> (bits - (bits >> 3) - 7) == 0
    return word, stop + 1 if padded else at + (bits >> 3)


@bare
def _gathered(word: int) -> int:
    """Eight times seven bits in one number: in pairs, in fours, in eights."""
    word = (word & 0x007F007F007F007F) | ((word & 0x7F007F007F007F00) >> 1)
    word = (word & 0x00003FFF00003FFF) | ((word & 0x3FFF00003FFF0000) >> 2)
    return (word & 0x0FFFFFFF) | ((word & 0x0FFFFFFF00000000) >> 4)


@bare
def _long(data: Bytes, at: int, stop: int, low: int) -> tuple[int, int]:
    """The ninth byte of a varint and perhaps a tenth, which holds one bit."""
    ninth, tenth = load_byte(data, at), load_byte(data, at + 1)
    whole = low | (ninth & 0x7F) << 56
    if ninth < 128:
        return whole, at + 1 if ninth else stop + 1
    return whole | (1 << 63), at + 2 if tenth == 1 else stop + 1


@bare
def signed(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """A zigzag varint of an int64."""
    whole, at = number(data, at, stop)
    return ((whole >> 1) & _LOW) ^ -(whole & 1), at


@bare
def order(data: Bytes, at: int, stop: int) -> tuple[int, int, int, int]:
    """Event time, known_at and offset of a point."""
    event_time, at = signed(data, at, stop)
    known_at, at = signed(data, at, stop)
    offset, at = signed(data, at, stop)
    return event_time, known_at, offset, at


@bare
def value(data: Bytes, at: int, stop: int, kind: int) -> tuple[int, int, int]:
    """A value of a kind: its bits and 0; of a text, where it begins and how long it is."""
    tag = load_byte(data, at)
    if kind == FLOAT:
        bits = load(data, at + 1)
        good = tag == 2 and (bits >> 52) & _INFINITY != _INFINITY
        return bits, 0, at + 9 if good else stop + 1
    if kind == BOOL:
        return tag, 0, at + 1 if tag < 2 else stop + 1
    if kind == INT:
        whole, at = signed(data, at + 1, stop)
        return whole, 0, at if tag == 3 else stop + 1
    length, at = number(data, at + 1, stop)
    if tag != 4 or length < 0 or length > stop - at or not _is_utf8(data, at, at + length):
        return 0, 0, stop + 1
    return at, length, at + length


@bare
def _is_utf8(data: Bytes, at: int, stop: int) -> bool:
    while at < stop:
        if stop - at >= 8 and load(data, at) & _ENDS == 0:
            at += 8
            continue
        length = _character(data, at)
        if length == 0 or length > stop - at:
            return False
        at += length
    return True


@bare
def _character(data: Bytes, at: int) -> int:
    """The length of a character; 0 for what is none: overlong, a surrogate, beyond the last."""
    lead, second = load_byte(data, at), load_byte(data, at + 1)
    if lead < 0x80:
        return 1
    if lead < 0xC2 or lead > 0xF4 or second & 0xC0 != 0x80:
        return 0
    if lead < 0xE0:
        return 2
    if load_byte(data, at + 2) & 0xC0 != 0x80:
        return 0
    if lead < 0xF0:
        return 0 if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second > 0x9F) else 3
    outside = (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second > 0x8F)
    return 0 if outside or load_byte(data, at + 3) & 0xC0 != 0x80 else 4


@bare
def rank(bits: int) -> int:
    """Integers that sort as floats do, -0.0 below 0.0; its own inverse."""
    return bits ^ ((bits >> 63) & _LOW)


@bare
def compare(data: Bytes, kind: int, a: int, a_length: int, b: int, b_length: int) -> int:
    """Below, at or above 0 as value a is less than, equal to or greater than value b."""
    if kind <= INT:
        x, y = (rank(a), rank(b)) if kind == FLOAT else (a, b)
        return (x > y) - (x < y)
    for k in range(min(a_length, b_length)):
        difference = load_byte(data, a + k) - load_byte(data, b + k)
        if difference:
            return difference
    return a_length - b_length


@bare
def limbs_at(data: Bytes, at: int, stop: int, most: int) -> tuple[int, int, int]:
    """The lowest limb of an exact sum, how many there are, and where they stand: four bytes each."""
    word = load(data, at)
    lowest, count = word & 0x7F, word >> 8 & 0x7F
    if word & 0x8080 == 0:
        at += 2
    else:
        lowest, at = number(data, at, stop)
        count, at = number(data, at, stop)
    if count == 0:
        return 0, 0, at if lowest == 0 else stop + 1
    if lowest < 0 or count < 0 or lowest > most or count > most - lowest or at + 4 * count > stop:
        return 0, 0, stop + 1
    return lowest, count, at if _is_trimmed(data, at, count) else stop + 1


@bare
def add_limbs(data: Bytes, at: int, stop: int, most: int, limbs: Ints, spans: Ints, row: int) -> int:
    """Add an exact sum to a row of limbs and widen the span [lowest, highest] of limbs in use."""
    lowest, count, at = limbs_at(data, at, stop, most)
    if at > stop or count == 0:
        return at
    last = lowest + count - 1
    for k in range(count - 1):
        limbs[row, lowest + k] += load(data, at + 4 * k) & _U32
    limbs[row, last] += load(data, at + 4 * count - 4) << 32 >> 32
    spans[row, 0], spans[row, 1] = min(spans[row, 0], lowest), max(spans[row, 1], last)
    return at + 4 * count


@bare
def _is_trimmed(data: Bytes, at: int, count: int) -> bool:
    """Whether no limb could be left out. A magnitude that fills its limbs has one more for the sign."""
    top = load(data, at + 4 * count - 4) << 32 >> 32
    if load(data, at) & _U32 == 0:
        return False
    if top != 0 and top != -1:
        return count > 1 or top != -(1 << 31)
    if count == 1:
        return top != 0
    below = load(data, at + 4 * count - 8) & _U32
    if top == -1:
        below = (below ^ _U32) + (count == 2)
    return below >= 1 << 31
