"""From what a scan has gathered to values: segments are folded into windows, windows finished to float64.

After the fold, segment w + 1 of a slot holds what is in window w: the tiles of that segment and of all later ones.
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Ints
from gapless.windows.limbs import OVERFLOW, numerator, rounded, settle
from gapless.windows.states.decoding import compare, rank, value
from gapless.windows.states.kernels import FINISHES, FIRST, FLOAT, LATEST, MAX, MEMBERS, MIN, SQUARES, TEXT, TRUE, bare
from gapless.windows.states.scanning import NONE
from gapless.windows.states.words import Bytes, load

__all__ = ["finish", "fold", "room_for_members", "tidy"]

_COUNT, _SUM, _MEAN, _VAR, _STD, _MIN, _MAX, _FIRST, _LAST, _LAST_N, _N_UNIQUE, _ANY, _ALL = FINISHES.values()
_SIGN = -(1 << 63)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_ONE = 0x3FF0000000000000  # the bits of 1.0


@bare
def fold(
    data: Bytes, stop: int, slots: Ints, s: int, cells: Ints, limbs: Ints, spans: Ints, runs: Ints, table: Ints
) -> None:
    """Make windows of the segments of a slot."""
    part, base, segments = slots[s, 0], slots[s, 3], slots[s, 4]
    if part == LATEST:
        return
    if part == MEMBERS:
        _distinct(data, stop, slots[s, 1], s, runs, table, cells, base)
    for segment in range(segments - 1, 0, -1):
        here = base + segment
        if part <= TRUE or part == MEMBERS:
            cells[here] += cells[here + 1]
        elif part <= SQUARES:
            _fold_limbs(limbs, spans, here)
        elif part <= MAX:
            cells[here] = max(cells[here], cells[here + 1])
        elif part == FIRST:
            _fold_first(cells, base + 3 * segment)


@bare
def _fold_limbs(limbs: Ints, spans: Ints, row: int) -> None:
    low, high = spans[row + 1, 0], spans[row + 1, 1]
    for k in range(low, high + 1):
        limbs[row, k] += limbs[row + 1, k]
    spans[row, 0], spans[row, 1] = min(spans[row, 0], low), max(spans[row, 1], high)


@bare
def _fold_first(cells: Ints, cell: int) -> None:
    if cells[cell + 2] == 0:
        for k in range(3):
            cells[cell + k] = cells[cell + k + 3]


@bare
def room_for_members(runs: Ints, slots: int) -> int:
    """How many rows `fold` wants of its table, for the slot with most members."""
    most = 0
    for s in range(slots):
        most = max(most, _members(runs, s))
    return _capacity(most)


@bare
def _members(runs: Ints, s: int) -> int:
    total = 0
    for r in range(len(runs)):
        total += runs[r, 3] if runs[r, 0] == s else 0
    return total


@bare
def _capacity(count: int) -> int:
    """A power of two, at least twice the count."""
    size = 4
    while size < 2 * count:
        size *= 2
    return size


@bare
def _distinct(data: Bytes, stop: int, kind: int, s: int, runs: Ints, table: Ints, cells: Ints, base: int) -> None:
    """Count each member in the latest segment that holds it: then it is in every window that reaches so far.

    `table` holds rows of segment (0: free), value, length.
    """
    size = _capacity(_members(runs, s)) if len(runs) else 0
    table[:size, 0] = 0
    for r in range(len(runs)):
        if runs[r, 0] != s:
            continue
        at = runs[r, 2]
        for _ in range(runs[r, 3]):
            bits, length, at = value(data, at, stop, kind)
            entry = _entry(data, kind, table, size, bits, length)
            table[entry, 0], table[entry, 1], table[entry, 2] = runs[r, 1], bits, length
    for entry in range(size):
        if table[entry, 0] > 0:
            cells[base + table[entry, 0]] += 1


@bare
def _entry(data: Bytes, kind: int, table: Ints, size: int, bits: int, length: int) -> int:
    """Where a member is in the hash table, or would go: linear probing."""
    entry: int = _hash(data, kind, bits, length) & (size - 1)
    while table[entry, 0] > 0 and compare(data, kind, table[entry, 1], table[entry, 2], bits, length) != 0:
        entry = (entry + 1) & (size - 1)
    return entry


@bare
def _hash(data: Bytes, kind: int, bits: int, length: int) -> int:
    mixed = np.uint64(length if kind == TEXT else bits) * _MIX
    if kind == TEXT:
        for k in range(0, length - 7, 8):
            mixed = (mixed ^ np.uint64(load(data, bits + k)) ^ (mixed >> np.uint64(32))) * _MIX
        rest = length & 7
        if rest:
            last = np.uint64(load(data, bits + length - rest)) << np.uint64(64 - 8 * rest)
            mixed = (mixed ^ last ^ (mixed >> np.uint64(32))) * _MIX
    return int(np.int64(mixed >> np.uint64(24)) ^ np.int64(mixed >> np.uint64(40)))


@bare
def tidy(slots: Ints, start: int, stop: int, limbs: Ints, spans: Ints) -> None:
    """Every limb is zero again."""
    for s in range(start, stop):
        if TRUE < slots[s, 0] <= SQUARES:
            for row in range(slots[s, 3], slots[s, 3] + slots[s, 6]):
                for k in range(spans[row, 0], spans[row, 1] + 1):
                    limbs[row, k] = 0


@bare
def _bits(number: float) -> int:
    return int(np.float64(number).view(np.int64))


@bare
def finish(
    specs: Ints,
    c: int,
    slots: Ints,
    cells: Ints,
    limbs: Ints,
    spans: Ints,
    digits: Ints,
    outs: Ints,
    valids: Bools,
    text_lengths: Ints,
    row: int,
    column: int,
) -> bool:
    """Write the columns of a spec, as bits; False where the parts of a state contradict each other.

    A text is written as where it begins, and its length.
    """
    out, valid, lengths = outs[row], valids[row], text_lengths[row]
    function, window = specs[c, 0], specs[c, 1] + 1
    a, b = specs[c, 2], specs[c, 3]
    base = slots[a, 3]
    if function <= _STD or function >= _ANY:
        count = cells[base + window]
        if function == _COUNT:
            out[column], valid[column] = _bits(np.float64(count)), True
        elif function >= _ANY:
            true = cells[slots[b, 3] + window]
            hit = true > 0 if function == _ANY else true == count
            out[column], valid[column] = _ONE if hit and count > 0 else 0, count > 0
        elif function <= _MEAN:
            _total(function, count, limbs, spans, slots[b, 3] + window, digits, out, valid, column)
        else:
            square = slots[specs[c, 4], 3] + window
            return _variance(function, count, limbs, spans, slots[b, 3] + window, square, digits, out, valid, column)
    elif function <= _MAX:
        _extreme(slots[a, 0], slots[a, 1], cells[base + window], out, valid, column)
    elif function == _N_UNIQUE:
        out[column], valid[column] = _bits(np.float64(cells[base + window])), True
    else:
        _picks(slots[a, 0], slots[a, 1], specs[c, 5], cells, base, window, out, valid, lengths, column)
    return True


@bare
def _extreme(part: int, kind: int, place: int, out: Ints, valid: Bools, column: int) -> None:
    bits = rank(~place if part == MIN else place)
    if kind != FLOAT:
        bits = _ONE if bits else 0
    out[column], valid[column] = bits if place != NONE else 0, place != NONE


@bare
def _picks(
    part: int,
    kind: int,
    n: int,
    cells: Ints,
    base: int,
    window: int,
    out: Ints,
    valid: Bools,
    lengths: Ints,
    column: int,
) -> None:
    """first, last and last_n."""
    for i in range(n):
        cell = base + 3 * (window if part == FIRST else i)
        some = cells[cell + 2] > 0 if part == FIRST else cells[cell + 2] >= window
        bits = cells[cell] if some else 0
        out[column + i] = bits if kind != 1 else (_ONE if bits else 0)
        valid[column + i] = some
        lengths[column + i] = cells[cell + 1] if some else 0


@bare
def _settled(limbs: Ints, spans: Ints, row: int, digits: Ints, line: int) -> tuple[int, int, bool]:
    """The digits of |a row| in a line of digits, the range they are in, and whether the row is negative."""
    low, high = spans[row, 0], spans[row, 1]
    if high < 0:
        digits[line, 0] = 0
        return 0, 0, False
    negative = settle(limbs, row, 0, low, high, digits[line])
    return low, high + 2, negative


@bare
def _total(
    function: int, count: int, limbs: Ints, spans: Ints, row: int, digits: Ints, out: Ints, valid: Bools, column: int
) -> None:
    out[column], valid[column] = 0, False
    if count == 0:
        return
    low, high, negative = _settled(limbs, spans, row, digits, 0)
    magnitude = rounded(digits[0], low, high, 0)
    if magnitude == OVERFLOW:
        return
    bits = magnitude | _SIGN if negative else magnitude
    out[column] = bits if function == _SUM else _bits(np.int64(bits).view(np.float64) / count)
    valid[column] = True


@bare
def _variance(
    function: int,
    count: int,
    limbs: Ints,
    spans: Ints,
    row: int,
    square: int,
    digits: Ints,
    out: Ints,
    valid: Bools,
    column: int,
) -> bool:
    out[column], valid[column] = 0, False
    if count < 2:
        return True
    low, high, _ = _settled(limbs, spans, row, digits, 0)
    square_low, square_high, negative = _settled(limbs, spans, square, digits, 1)
    if negative or count >> 31:
        return False
    first, last = numerator(count, digits[0], low, high, digits[1], square_low, square_high, digits[2])
    if digits[2, last] >> 31:  # borrowed: the square of the sum is larger than it can be
        return False
    bits = rounded(digits[2], first, last, 1074)
    if bits == OVERFLOW:
        return True
    variance = np.int64(bits).view(np.float64) / (count * (count - 1))
    out[column], valid[column] = _bits(np.sqrt(variance) if function == _STD else variance), True
    return True
