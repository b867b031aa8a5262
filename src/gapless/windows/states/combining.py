"""Two tiles of one place into one, in compiled code: slot by slot, from bytes to bytes."""

from __future__ import annotations

from gapless.windows.batch import Ints
from gapless.windows.states.decoding import add_limbs, compare, limbs_at, number, order, value
from gapless.windows.states.encoding import POINT, put_extreme, put_limbs, put_number, put_order, put_value
from gapless.windows.states.kernels import FIRST, LATEST, MAX, SQUARES, TRUE, bare
from gapless.windows.states.scanning import EVENTS, NONE, extreme, first, later, latest, members
from gapless.windows.states.words import Bytes, load, store

__all__ = ["combine", "copy", "past", "wanted"]


@bare
def past(data: Bytes, at: int, stop: int, slots: Ints, s: int, start: int, hop: int, cells: Ints) -> int:
    """Past a slot of the tile that begins at `start`; beyond the stop where it is none."""
    part, kind = slots[s, 0], slots[s, 1]
    if part <= TRUE:
        count, at = number(data, at, stop)
        return stop + 1 if count >> EVENTS else at
    if part <= SQUARES:
        _, count, at = limbs_at(data, at, stop, slots[s, 5])
        return at + 4 * count
    if part <= MAX:
        return extreme(data, at, stop, part, kind, cells, 0)
    if part == FIRST:
        return first(data, at, stop, kind, cells, 0, 0, start, hop)
    if part == LATEST:
        return latest(data, at, stop, kind, slots[s, 2], cells, 0, 0, start, hop)
    count, at = number(data, at, stop)
    return members(data, at, stop, kind, count)


@bare
def copy(out: Bytes, at: int, data: Bytes, start: int, stop: int) -> int:
    """Bytes as they are."""
    for k in range(0, stop - start, 8):
        store(out, at + k, load(data, start + k))
    return at + stop - start


@bare
def wanted(slots: Ints, start: int, stop: int) -> int:
    """Bytes that combining these slots may take beyond those of both tiles."""
    total = POINT
    for s in range(start, stop):
        total += POINT + 4 * slots[s, 5]
    return total


@bare
def combine(
    data: Bytes, a: int, b: int, out: Bytes, at: int, slots: Ints, s: int, limbs: Ints, spans: Ints, work: Ints
) -> tuple[int, int, int]:
    """Write the slot of the events of both, whose bytes are known to be good; gives where each of the three goes on."""
    part, kind, stop = slots[s, 0], slots[s, 1], len(data)
    if part <= TRUE:
        x, a = number(data, a, stop)
        y, b = number(data, b, stop)
        return a, b, put_number(out, at, x + y)
    if part <= SQUARES:
        a = add_limbs(data, a, stop, slots[s, 5], limbs, spans, 1)
        b = add_limbs(data, b, stop, slots[s, 5], limbs, spans, 1)
        return a, b, put_limbs(out, at, limbs, spans, 1, work)
    if part <= MAX:
        work[0] = NONE
        a = extreme(data, a, stop, part, kind, work, 0)
        b = extreme(data, b, stop, part, kind, work, 0)
        return a, b, put_extreme(out, at, part, kind, work[0], data)
    if part <= LATEST:
        return _points(data, a, b, out, at, kind, slots[s, 2], part == LATEST)
    return _members(data, a, b, out, at, kind)


@bare
def _points(
    data: Bytes, a: int, b: int, out: Bytes, at: int, kind: int, n: int, backward: bool
) -> tuple[int, int, int]:
    stop = len(data)
    left, a = number(data, a, stop)
    right, b = number(data, b, stop)
    room = min(n, left + right)
    at = put_number(out, at, room)
    while left > 0 or right > 0:
        from_left = left > 0
        if left > 0 and right > 0:
            t, k, o, _ = order(data, a, stop)
            x, y, z, _ = order(data, b, stop)
            from_left = later(t, k, o, x, y, z) if backward else not later(t, k, o, x, y, z)
        t, k, o, place = order(data, a if from_left else b, stop)
        bits, length, place = value(data, place, stop, kind)
        if room > 0:
            at = put_value(out, put_order(out, at, t, k, o), kind, bits, length, data)
            room -= 1
        if from_left:
            a, left = place, left - 1
        else:
            b, right = place, right - 1
    return a, b, at


@bare
def _members(data: Bytes, a: int, b: int, out: Bytes, at: int, kind: int) -> tuple[int, int, int]:
    """Twice over both: to count, and to write."""
    stop = len(data)
    left, a = number(data, a, stop)
    right, b = number(data, b, stop)
    end_a, end_b, distinct = a, b, 0
    for write in range(2):
        end_a, end_b, i, j, count = a, b, 0, 0, 0
        if write:
            at = put_number(out, at, distinct)
        while i < left or j < right:
            bits = length = x = x_length = after_a = after_b = 0
            if i < left:
                bits, length, after_a = value(data, end_a, stop, kind)
            if j < right:
                x, x_length, after_b = value(data, end_b, stop, kind)
            difference = -1 if j == right else 1
            if i < left and j < right:
                difference = compare(data, kind, bits, length, x, x_length)
            if write and difference <= 0:
                at = put_value(out, at, kind, bits, length, data)
            elif write:
                at = put_value(out, at, kind, x, x_length, data)
            if difference <= 0:
                end_a, i = after_a, i + 1
            if difference >= 0:
                end_b, j = after_b, j + 1
            count += 1
        distinct = count
    return end_a, end_b, at
