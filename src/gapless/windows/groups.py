"""Runs of one key: which events and which queries belong together, and the order in which events become visible."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gapless.windows.batch import Events, Ints, Queries
from gapless.windows.jit import inlined
from gapless.windows.sorting import merge_sort

__all__ = ["Groups", "align", "order_buffer", "spare_buffers", "visible_order"]


class Groups(NamedTuple):
    """Rows [event_start, event_stop) and [query_start, query_stop) of each key that has both."""

    event_start: Ints
    event_stop: Ints
    query_start: Ints
    query_stop: Ints


def align(events: Events, queries: Queries) -> Groups:
    """The runs of every key that has a query and an event. Cost: O(queries + keys log events)."""
    changes = np.flatnonzero(queries.key[1:] != queries.key[:-1]) + 1
    starts = np.concatenate([np.zeros(min(len(queries), 1), np.int64), changes])
    stops = np.append(starts[1:], len(queries))[: len(starts)]
    keys = queries.key[starts]
    first, last = (np.searchsorted(events.key, keys, side).astype(np.int64) for side in ("left", "right"))
    some = last > first
    return Groups(first[some], last[some], starts[some], stops[some])


@inlined
def _late(visible_from, start, stop):
    for i in range(start + 1, stop):
        if visible_from[i - 1] > visible_from[i]:
            return True
    return False


@inlined
def order_buffer(visible_from, starts, stops):
    """Room for the order of the largest group whose rows become visible out of order; empty where there is none."""
    size = 0
    for g in range(len(starts)):
        if stops[g] - starts[g] > size and _late(visible_from, starts[g], stops[g]):
            size = stops[g] - starts[g]
    return np.empty(size, np.int64)


@inlined
def spare_buffers(order):
    """What sorting needs beside the order itself."""
    return np.empty(len(order), np.int64), np.empty((3, len(order)), np.int64)


@inlined
def visible_order(visible_from, start, stop, order, times, spare):
    """Fill `order` with the rows of a group as they become visible; False, and nothing is filled, where that is row order."""
    if not _late(visible_from, start, stop):
        return False
    for i in range(stop - start):
        times[i] = visible_from[start + i]
        order[i] = start + i
    merge_sort(times, times, order, stop - start, spare)
    return True


@inlined
def lower_bound(at, width, hop):
    """`Window.lower` for a window that has a width."""
    return (at - width) // hop * hop
