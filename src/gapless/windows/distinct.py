"""Exact numbers of distinct values in compiled code.

A window ends with what is visible, so a value is in it exactly when the latest visible row that holds it is not before
the lower bound. One mark per distinct value, on that row, serves every window: distinct = marks - marks before the
lower bound.

    row     0  1  2  3  4          seen so far: a b a c
    value   a  b  a  c  b
    mark       x  x  x             window from row 2 on: 3 marks - 1 before it = 2 distinct (a, c)
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Floats, Ints
from gapless.windows.groups import TIMELINE, Timeline, largest_group, lower_bound, order_buffer, visible_order
from gapless.windows.jit import BITS, BOOLS, FLAG, OUT_FLOATS, compiled, inlined, types

__all__ = ["distinct"]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_NEGATIVE_ZERO = -(1 << 63)


@inlined
def _capacity(rows: Ints) -> int:
    """A power of two, at least twice the rows."""
    size = 4
    while size < 2 * rows:
        size *= 2
    return size


@inlined
def _slot(table: Ints, capacity: int, bits: int) -> int:
    """Where a value is in the hash table, or would go: linear probing, -1 in column 1 is free."""
    mixed = np.uint64(bits) * _MIX
    slot: int = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(capacity - 1))  # type: ignore[assignment]
    while table[slot, 1] >= 0 and table[slot, 0] != bits:
        slot = (slot + 1) & (capacity - 1)
    return slot


@compiled(types.void(TIMELINE, BITS, BOOLS, FLAG, OUT_FLOATS))
def distinct(
    line: Timeline,
    bits: Ints,
    valid: Bools,
    is_float: bool,
    out: Floats,
) -> None:
    """Fill the number of distinct values [window, query]; of floats, -0.0 counts as 0.0."""
    event_start, event_stop, query_start, query_stop, event_time, visible_from, at, width, hop = line
    windows = len(width)
    buffer = order_buffer(line)
    order = buffer[0]
    largest = largest_group(line)
    table, mark = np.empty((_capacity(largest), 2), np.int64), np.empty(largest, np.bool_)
    lower, before = np.empty(windows, np.int64), np.empty(windows, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, buffer)
        lower[:], before[:] = start, 0
        seen, size, marks = start, stop - start, 0
        capacity = _capacity(size)
        table[:capacity, 1] = -1
        mark[:size] = False
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < stop:
                i = order[seen - start] if late else seen
                if visible_from[i] > now:
                    break
                seen += 1
                if not valid[i]:
                    continue
                value = 0 if is_float and bits[i] == _NEGATIVE_ZERO else bits[i]
                slot = _slot(table, capacity, value)
                last = table[slot, 1]
                if last > i:
                    continue
                table[slot, 0], table[slot, 1] = value, i
                mark[i - start] = True
                marks += last < 0
                if last >= 0:
                    mark[last - start] = False
                for w in range(windows):
                    before[w] += (i < lower[w]) - (0 <= last < lower[w])
            for w in range(windows):
                edge = lower_bound(now, width[w], hop[w])
                while lower[w] < stop and event_time[lower[w]] < edge:
                    before[w] += mark[lower[w] - start]
                    lower[w] += 1
                out[w, q] = marks - before[w]
