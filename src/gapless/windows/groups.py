"""Runs of one key: which events and which queries belong together, and the order in which events become visible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gapless.windows.batch import Events, Ints, Queries
from gapless.windows.jit import BITS, inlined, types
from gapless.windows.sorting import merge_sort
from gapless.windows.window import BEGINNING, Window

__all__ = [
    "TIMELINE",
    "Runs",
    "Timeline",
    "align",
    "largest_group",
    "lower_bound",
    "order_buffer",
    "timeline",
    "visible_order",
]


class Timeline(NamedTuple):
    """What every kernel sweeps over.

    Runs of one key: rows [event_start[g], event_stop[g]) of the events, rows [query_start[g], query_stop[g]) of the
    queries; when events happened and became visible, when queries ask, and how far back windows reach (-1: forever).
    Kernels unpack it first: passing it on would count references to nine arrays on every call.
    """

    event_start: Ints
    event_stop: Ints
    query_start: Ints
    query_stop: Ints
    event_time: Ints
    visible_from: Ints
    at: Ints
    width: Ints
    hop: Ints


Runs = tuple[Ints, Ints, Ints, Ints]
TIMELINE = types.NamedUniTuple(BITS, len(Timeline._fields), Timeline)


def timeline(events: Events, queries: Queries, keys: Runs, windows: Sequence[Window]) -> Timeline:
    """The timeline of some windows over the runs of `align`."""
    width = np.array([-1 if window.width_us is None else window.width_us for window in windows], np.int64)
    hop = np.array([window.hop_us or 1 for window in windows], np.int64)
    columns = (*keys, events.event_time, events.visible_from, queries.at, width, hop)
    return Timeline(*map(_read_only, columns))


def _read_only(column: Ints) -> Ints:
    """As the kernels' signatures have it."""
    view = np.ascontiguousarray(column).view()
    view.flags.writeable = False
    return view


def align(events: Events, queries: Queries) -> Runs:
    """Starts and stops of events and of queries for each key that has both. Cost: O(queries + keys log events)."""
    changes = np.flatnonzero(queries.key[1:] != queries.key[:-1]) + 1
    starts = np.concatenate([np.zeros(min(len(queries), 1), np.int64), changes])
    stops = np.append(starts[1:], len(queries))[: len(starts)]
    keys = queries.key[starts]
    first, last = (np.searchsorted(events.key, keys, side).astype(np.int64) for side in ("left", "right"))
    some = last > first
    return first[some], last[some], starts[some], stops[some]


@inlined
def _late(visible_from: Ints, start: int, stop: int) -> bool:
    i = start + 1
    while i < stop and visible_from[i - 1] <= visible_from[i]:
        i += 1
    return i < stop


@inlined
def order_buffer(line: Timeline) -> tuple[Ints, Ints, Ints]:
    """Room for `visible_order` of the largest key whose rows become visible out of order; empty where there is none."""
    starts, stops, visible_from = line.event_start, line.event_stop, line.visible_from
    size = 0
    for g in range(len(starts)):
        start, stop = starts[g], stops[g]
        if stop - start > size and _late(visible_from, start, stop):
            size = stop - start
    return np.empty(size, np.int64), np.empty(size, np.int64), np.empty((3, size), np.int64)


@inlined
def largest_group(line: Timeline) -> int:
    """The most events that a key has."""
    size = 0
    for g in range(len(line.event_start)):
        size = max(size, line.event_stop[g] - line.event_start[g])
    return size


@inlined
def visible_order(visible_from: Ints, start: int, stop: int, buffer: tuple[Ints, Ints, Ints]) -> bool:
    """Fill `buffer[0]` with the rows of a key as they become visible; False, unfilled, where that is row order."""
    if not _late(visible_from, start, stop):
        return False
    order, times, spare = buffer
    for i in range(stop - start):
        order[i], times[i] = start + i, visible_from[start + i]
    merge_sort(times, times, order, stop - start, spare)
    return True


@inlined
def lower_bound(now: int, width: int, hop: int) -> int:
    """`Window.lower`, of a width of -1 too."""
    return (now - width) // hop * hop if width >= 0 else BEGINNING
