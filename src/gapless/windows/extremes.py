"""Smallest and largest values in compiled code.

A window ends with what is visible, so all windows of a key share one structure and differ in where they begin:

    in order     one stack of candidates, each larger than all after it; a window's answer is the first candidate at or after its lower bound
    out of order a Fenwick tree over the rows of the key that only ever takes values in; a window asks it for the largest from its lower bound on
"""

from __future__ import annotations

import numpy as np
from numba import types

from gapless.windows.groups import lower_bound, order_buffer, spare_buffers, visible_order
from gapless.windows.jit import BITS, BOOLS, INT, OUT, OUT_FLAGS, compiled, inlined

__all__ = ["extremes", "raise_suffix", "suffix_max"]

_NONE = -(1 << 63)
_LOW_BITS = (1 << 63) - 1


@inlined
def raise_suffix(tree, size, place, value):
    """Put a value at a place: Fenwick prefix maxima, counted from the end."""
    k = size - place
    while k <= size:
        tree[k] = max(tree[k], value)
        k += k & -k


@inlined
def suffix_max(tree, size, place, nothing):
    """The largest value at this place or later, `nothing` where there is none."""
    best = nothing
    k = size - place
    while k > 0:
        best = max(best, tree[k])
        k -= k & -k
    return best


@inlined
def _rank(bits, flip):
    """Integers that sort as floats do, -0.0 below 0.0; reversed where flip is -1. Its own inverse with the same flip."""
    return bits ^ ((bits >> 63) & _LOW_BITS) ^ flip


@inlined
def _largest(starts, stops):
    size = 0
    for g in range(len(starts)):
        size = max(size, stops[g] - starts[g])
    return size


@compiled(types.void(*[BITS] * 4, *[BITS] * 5, BITS, BOOLS, INT, OUT, OUT_FLAGS))
def extremes(
    event_start, event_stop, query_start, query_stop,
    event_time, visible_from, at, width, hop,
    bits, valid, flip,
    best, found,
):  # fmt: skip
    """Fill the bits of the largest value (flip 0) or the smallest (flip -1), and whether there is one [window, query]."""
    windows = len(width)
    order = order_buffer(visible_from, event_start, event_stop)
    times, spare = spare_buffers(order)
    tree = np.empty(len(order) + 1, np.int64)
    stack = np.empty((_largest(event_start, event_stop), 2), np.int64)  # row, rank
    lower, head = np.empty(windows, np.int64), np.empty(windows, np.int64)
    bound, until = np.empty(windows, np.int64), np.empty(windows, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, order, times, spare)
        lower[:], head[:], until[:] = start, 0, _NONE
        seen, size, top = 0, stop - start, 0
        if late:
            tree[: size + 1] = _NONE
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < size:
                i = order[seen] if late else start + seen
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
                if width[w] >= 0:
                    if now >= until[w]:
                        bound[w] = lower_bound(now, width[w], hop[w])
                        until[w] = bound[w] + width[w] + hop[w]
                    while lower[w] < stop and event_time[lower[w]] < bound[w]:
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
                    # the rank is the bits with the sign's mask applied, then flipped: undo in the same order reversed
                    best[w, q] = _rank(rank ^ flip, 0)
                    found[w, q] = True
