"""The tiles of a run of events in compiled code: one slot after the other over the rows of one tile."""

from __future__ import annotations

from typing import NamedTuple

from gapless.windows.batch import Bools, Ints
from gapless.windows.jit import BITS, types
from gapless.windows.limbs import add, add_square, limb_of
from gapless.windows.sorting import merge_sort
from gapless.windows.states.decoding import rank
from gapless.windows.states.encoding import POINT, put_extreme, put_limbs, put_number, put_order, put_value
from gapless.windows.states.kernels import (
    BOOL,
    BYTES,
    COUNT,
    FIRST,
    FLOAT,
    GRID,
    LATEST,
    MAX,
    MEMBERS,
    MIN,
    SQUARES,
    TEXT,
    TOTAL,
    TRUE,
    bare,
)
from gapless.windows.states.scanning import NONE
from gapless.windows.states.words import Bytes

__all__ = ["LOG", "Log", "fill", "need"]


class Log(NamedTuple):
    """Events sorted by their order within a key.

    Parameters:
        values — the bits [input, row]; of a text, the number of its place in `text_at`.
        texts, text_at — UTF-8, and where each text begins; the end of the last too. Where members of a text input are
            wanted, its texts are distinct and in order.
    """

    event_time: Ints
    known_at: Ints
    offset: Ints
    values: Ints
    valid: Bools
    texts: Bytes
    text_at: Ints


LOG = types.NamedTuple((BITS, BITS, BITS, GRID, types.Array(types.boolean, 2, "C", readonly=True), BYTES, BITS), Log)


@bare
def need(log: Log, slots: Ints, start: int, stop: int, row: int, end: int) -> int:
    """Bytes that suffice for the slots of a tile of the rows [row, end)."""
    total = 24
    for s in range(start, stop):
        part = slots[s, 0]
        total += 24 + 4 * slots[s, 5]
        if part >= FIRST:
            total += POINT * (end - row if part == MEMBERS else min(slots[s, 2], end - row))
            if slots[s, 1] == TEXT:
                place = slots[s, 7]
                for i in range(row, end):
                    if log.valid[place, i]:
                        total += log.text_at[log.values[place, i] + 1] - log.text_at[log.values[place, i]]
    return total


@bare
def fill(
    out: Bytes, at: int, log: Log, slots: Ints, s: int, row: int, end: int, limbs: Ints, spans: Ints, work: Ints
) -> int:
    """Write a slot of the tile of the rows [row, end)."""
    part, kind, place = slots[s, 0], slots[s, 1], slots[s, 7]
    if part == COUNT:
        return put_number(out, at, end - row if place < 0 else _valid(log.valid, place, row, end))
    if part == TRUE:
        return put_number(out, at, _true(log.valid, log.values, place, row, end))
    if part <= SQUARES:
        _sum(part, log.valid, log.values, place, row, end, limbs, spans)
        return put_limbs(out, at, limbs, spans, 1, work[0])
    if part <= MAX:
        best = _best(part, log.valid, log.values, place, row, end)
        if kind == BOOL and best != NONE:
            best = _truth(best, part)
        return put_extreme(out, at, part, kind, best, log.texts)
    if part == FIRST:
        return _points(out, at, log, kind, place, row, end, 1, 1)
    if part == LATEST:
        return _points(out, at, log, kind, place, end - 1, row - 1, -1, slots[s, 2])
    return _members(out, at, log, kind, place, row, end, work)


@bare
def _valid(valid: Bools, place: int, row: int, end: int) -> int:
    count = 0
    for i in range(row, end):
        count += valid[place, i]
    return count


@bare
def _true(valid: Bools, values: Ints, place: int, row: int, end: int) -> int:
    count = 0
    for i in range(row, end):
        count += valid[place, i] and values[place, i] << 1 != 0
    return count


@bare
def _sum(part: int, valid: Bools, values: Ints, place: int, row: int, end: int, limbs: Ints, spans: Ints) -> None:
    """Add up in row 1."""
    low, high = spans[1, 0], spans[1, 1]
    for i in range(row, end):
        bits = values[place, i]
        if not valid[place, i] or bits << 1 == 0:  # a zero touches no limb
            continue
        limb = limb_of(bits)
        if part == TOTAL:
            add(limbs, 1, bits)
            low, high = min(low, limb), max(high, limb + 2)
        else:
            add_square(limbs, 1, bits)
            low, high = min(low, 2 * limb), max(high, 2 * limb + 5)
    spans[1, 0], spans[1, 1] = low, high


@bare
def _best(part: int, valid: Bools, values: Ints, place: int, row: int, end: int) -> int:
    best, flip = NONE, -1 if part == MIN else 0
    for i in range(row, end):
        if valid[place, i]:
            best = max(best, rank(values[place, i]) ^ flip)
    return best


@bare
def _truth(best: int, part: int) -> int:
    """The rank of a truth, from that of 0.0 or 1.0."""
    return ~int(~best << 1 != 0) if part == MIN else int(best << 1 != 0)


@bare
def _value(out: Bytes, at: int, log: Log, kind: int, bits: int) -> int:
    if kind == TEXT:
        begin = log.text_at[bits]
        return put_value(out, at, kind, begin, log.text_at[bits + 1] - begin, log.texts)
    return put_value(out, at, kind, int(bits << 1 != 0) if kind == BOOL else bits, 0, log.texts)


@bare
def _points(out: Bytes, at: int, log: Log, kind: int, place: int, row: int, end: int, step: int, n: int) -> int:
    """The first n valid rows on the way from `row` to `end`."""
    count = 0
    for i in range(row, end, step):
        if count < n:
            count += log.valid[place, i]
    at = put_number(out, at, count)
    i = row
    while count > 0:
        if log.valid[place, i]:
            at = put_order(out, at, log.event_time[i], log.known_at[i], log.offset[i])
            at = _value(out, at, log, kind, log.values[place, i])
            count -= 1
        i += step
    return at


@bare
def _members(out: Bytes, at: int, log: Log, kind: int, place: int, row: int, end: int, work: Ints) -> int:
    distinct, count = work[1], 0
    for i in range(row, end):
        if log.valid[place, i]:
            bits = log.values[place, i]
            if kind <= BOOL:
                bits = 0 if bits << 1 == 0 else rank(bits)  # -0.0 counts as 0.0
            distinct[count] = bits
            count += 1
    merge_sort(distinct, distinct, distinct, count, work[2:5])
    kept = 0
    for k in range(count):
        if k == 0 or distinct[k] != distinct[k - 1]:
            distinct[kept] = distinct[k]
            kept += 1
    at = put_number(out, at, kept)
    for k in range(kept):
        at = _value(out, at, log, kind, rank(distinct[k]) if kind == FLOAT else distinct[k])
    return at
