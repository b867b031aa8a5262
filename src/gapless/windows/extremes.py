"""Smallest and largest values in compiled code.

A window ends with what is visible, so all windows of a key share one structure and differ in where they begin:

    in order      one stack of candidates, each larger than all after it; the answer of a window is the first candidate
                  at or after its lower bound
    out of order  a Fenwick tree over the rows of the key that only ever takes values in; a window asks it for the
                  largest from its lower bound on
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Ints
from gapless.windows.groups import TIMELINE, Timeline, largest_group, lower_bound, order_buffer, visible_order
from gapless.windows.jit import BITS, BOOLS, INT, OUT, OUT_FLAGS, compiled, inlined, types

__all__ = ["extremes", "raise_suffix", "suffix_max"]

_NONE = -(1 << 63)
_LOW_BITS = (1 << 63) - 1


@inlined
def raise_suffix(tree: Ints, size: int, place: int, value: int) -> None:
    """Put a value at a place: Fenwick prefix maxima, counted from the end."""
    k = size - place
    while k <= size:
        tree[k] = max(tree[k], value)
        k += k & -k


@inlined
def suffix_max(tree: Ints, size: int, place: int, nothing: int) -> int:
    """The largest value at this place or later, `nothing` where there is none."""
    best = nothing
    k = size - place
    while k > 0:
        best = max(best, tree[k])
        k -= k & -k
    return best


@inlined
def _rank(bits: int, flip: int) -> int:
    """Integers that sort as floats do, -0.0 below 0.0; in reverse where flip is -1. With flip 0 its own inverse."""
    return bits ^ ((bits >> 63) & _LOW_BITS) ^ flip


@compiled(types.void(TIMELINE, BITS, BOOLS, INT, OUT, OUT_FLAGS))
def extremes(
    line: Timeline,
    bits: Ints,
    valid: Bools,
    flip: int,
    best: Ints,
    found: Bools,
) -> None:
    """Fill the bits of the largest value (flip 0) or the smallest (-1), and whether there is one [window, query]."""
    event_start, event_stop, query_start, query_stop, event_time, visible_from, at, width, hop = line
    windows = len(width)
    buffer = order_buffer(line)
    order = buffer[0]
    tree = np.empty(len(order) + 1, np.int64)
    stack = np.empty((largest_group(line), 2), np.int64)  # row, rank
    lower, head = np.empty(windows, np.int64), np.empty(windows, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, buffer)
        lower[:], head[:] = start, 0
        seen, size, top = start, stop - start, 0
        if late:
            tree[: size + 1] = _NONE
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < stop:
                i = order[seen - start] if late else seen
                if visible_from[i] > now:
                    break
                seen += 1
                if not valid[i]:
                    continue
                rank = _rank(bits[i], flip)
                if late:
                    raise_suffix(tree, size, i - start, rank)
                    continue
                while top > 0 and stack[top - 1, 1] <= rank:
                    top -= 1
                stack[top, 0], stack[top, 1] = i, rank
                for w in range(windows):
                    head[w] = min(head[w], top)
                top += 1
            for w in range(windows):
                edge = lower_bound(now, width[w], hop[w])
                while lower[w] < stop and event_time[lower[w]] < edge:
                    lower[w] += 1
                rank = _NONE
                if late:
                    rank = suffix_max(tree, size, lower[w] - start, _NONE)
                else:
                    while head[w] < top and stack[head[w], 0] < lower[w]:
                        head[w] += 1
                    if head[w] < top:
                        rank = stack[head[w], 1]
                if rank != _NONE:
                    best[w, q] = _rank(rank ^ flip, 0)
                    found[w, q] = True
