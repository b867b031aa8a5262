"""First and latest values in compiled code: which events, by their place in the total order, and their bits."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Ints
from gapless.windows.extremes import raise_suffix, suffix_max
from gapless.windows.groups import TIMELINE, Timeline, lower_bound, order_buffer, visible_order
from gapless.windows.jit import BITS, BOOLS, OUT, OUT_FLAGS, compiled, inlined, types

__all__ = ["firsts", "latests"]


@inlined
def _insert(recent: Ints, row: int) -> None:
    """Put a row among the latest ones, latest first."""
    k = len(recent) - 1
    if row < recent[k]:
        return
    while k > 0 and recent[k - 1] < row:
        recent[k] = recent[k - 1]
        k -= 1
    recent[k] = row


@compiled(types.void(TIMELINE, BITS, BOOLS, OUT, OUT_FLAGS))
def latests(
    line: Timeline,
    bits: Ints,
    valid: Bools,
    out: Ints,
    found: Bools,
) -> None:
    """Fill the bits of the n latest values [window * n + place, query]; n is the rows of `out` per window."""
    event_start, event_stop, query_start, query_stop, event_time, visible_from, at, width, hop = line
    windows = len(width)
    buffer = order_buffer(line)
    order = buffer[0]
    n = len(out) // windows
    recent = np.empty(n, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, buffer)
        recent[:] = -1
        seen = start
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < stop:
                i = order[seen - start] if late else seen
                if visible_from[i] > now:
                    break
                seen += 1
                if valid[i]:
                    _insert(recent, i)
            for w in range(windows):
                edge = lower_bound(now, width[w], hop[w])
                for place in range(n):
                    i = recent[place]
                    if i < 0 or event_time[i] < edge:
                        break
                    out[w * n + place, q] = bits[i]
                    found[w * n + place, q] = True


@compiled(types.void(TIMELINE, BITS, BOOLS, OUT, OUT_FLAGS))
def firsts(
    line: Timeline,
    bits: Ints,
    valid: Bools,
    out: Ints,
    found: Bools,
) -> None:
    """Fill the bits of the first value [window, query]; out of order by a Fenwick tree of visible rows."""
    event_start, event_stop, query_start, query_stop, event_time, visible_from, at, width, hop = line
    windows = len(width)
    buffer = order_buffer(line)
    order = buffer[0]
    tree = np.empty(len(order) + 1, np.int64)
    lower = np.empty(windows, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, buffer)
        lower[:] = start
        seen, size = start, stop - start
        if late:
            tree[: size + 1] = -stop
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < stop:
                i = order[seen - start] if late else seen
                if visible_from[i] > now:
                    break
                seen += 1
                if late and valid[i]:
                    raise_suffix(tree, size, i - start, -i)
            for w in range(windows):
                edge = lower_bound(now, width[w], hop[w])
                while lower[w] < stop and event_time[lower[w]] < edge:
                    lower[w] += 1
                if late:
                    i = -suffix_max(tree, size, lower[w] - start, -stop)
                else:
                    while lower[w] < stop and not valid[lower[w]]:
                        lower[w] += 1
                    i = lower[w] if lower[w] < seen else stop
                if i < stop:
                    out[w, q] = bits[i]
                    found[w, q] = True
