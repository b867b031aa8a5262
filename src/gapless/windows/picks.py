"""First and latest values in compiled code: which events, by their place in the total order, and their bits."""

from __future__ import annotations

import numpy as np
from numba import types

from gapless.windows.extremes import raise_suffix, suffix_max
from gapless.windows.groups import lower_bound, order_buffer, spare_buffers, visible_order
from gapless.windows.jit import BITS, BOOLS, OUT, OUT_FLAGS, compiled, inlined

__all__ = ["firsts", "latests"]

_NEVER = -(1 << 63)


@inlined
def _insert(recent, row):
    """Put a row among the latest ones, latest first."""
    k = len(recent) - 1
    if row < recent[k]:
        return
    while k > 0 and recent[k - 1] < row:
        recent[k] = recent[k - 1]
        k -= 1
    recent[k] = row


@compiled(types.void(*[BITS] * 4, *[BITS] * 5, BITS, BOOLS, OUT, OUT_FLAGS))
def latests(
    event_start, event_stop, query_start, query_stop,
    event_time, visible_from, at, width, hop,
    bits, valid,
    out, found,
):  # fmt: skip
    """Fill the bits of the n latest values [window * n + place, query]; n is the rows of `out` per window."""
    windows = len(width)
    order = order_buffer(visible_from, event_start, event_stop)
    times, spare = spare_buffers(order)
    n = len(out) // windows
    recent = np.empty(n, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, order, times, spare)
        recent[:] = -1
        seen, size = 0, stop - start
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < size:
                i = order[seen] if late else start + seen
                if visible_from[i] > now:
                    break
                seen += 1
                if valid[i]:
                    _insert(recent, i)
            for w in range(windows):
                bound = lower_bound(now, width[w], hop[w]) if width[w] >= 0 else _NEVER
                for place in range(n):
                    i = recent[place]
                    if i < 0 or event_time[i] < bound:
                        break
                    out[w * n + place, q] = bits[i]
                    found[w * n + place, q] = True


@compiled(types.void(*[BITS] * 4, *[BITS] * 5, BITS, BOOLS, OUT, OUT_FLAGS))
def firsts(
    event_start, event_stop, query_start, query_stop,
    event_time, visible_from, at, width, hop,
    bits, valid,
    out, found,
):  # fmt: skip
    """Fill the bits of the first value [window, query]. Out of order, a Fenwick tree knows the first visible row from any row on."""
    windows = len(width)
    order = order_buffer(visible_from, event_start, event_stop)
    times, spare = spare_buffers(order)
    tree = np.empty(len(order) + 1, np.int64)
    lower, bound, until = np.empty(windows, np.int64), np.empty(windows, np.int64), np.empty(windows, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, order, times, spare)
        lower[:], until[:] = start, _NEVER
        seen, size = 0, stop - start
        if late:
            tree[: size + 1] = -stop
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < size:
                i = order[seen] if late else start + seen
                if visible_from[i] > now:
                    break
                seen += 1
                if late and valid[i]:
                    raise_suffix(tree, size, i - start, -i)
            for w in range(windows):
                if width[w] >= 0:
                    if now >= until[w]:
                        bound[w] = lower_bound(now, width[w], hop[w])
                        until[w] = bound[w] + width[w] + hop[w]
                    while lower[w] < stop and event_time[lower[w]] < bound[w]:
                        lower[w] += 1
                if late:
                    i = -suffix_max(tree, size, lower[w] - start, -stop)
                else:
                    while lower[w] < stop and not valid[lower[w]]:
                        lower[w] += 1
                    i = lower[w] if lower[w] < start + seen else stop
                if i < stop:
                    out[w, q] = bits[i]
                    found[w, q] = True
