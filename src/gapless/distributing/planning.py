"""The stages of one job, made from what there is to compute and how much of it there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gapless.distributing.answering import AnswerBuckets, GroupLookup, Lookup
from gapless.distributing.assembling import Assembled, AssembleSlices
from gapless.distributing.labelling import LabelLookup
from gapless.distributing.routes import Route, routed
from gapless.distributing.scanning import EventTask, RequestTask, ScanEvents, ScanRequests
from gapless.features import SPLIT_ROWS, plan_groups, split_source
from gapless.ports.engine import Piece, Stage
from gapless.ports.offline import SplitReads
from gapless.product import EventSource, FeatureSet, stored_columns

__all__ = ["Sizes", "Span", "Tables", "plan_stages"]

_SLICE_BYTES = 64 << 20


@dataclass(frozen=True)
class Sizes:
    """How work is cut.

    Parameters:
        slots — tasks at the same time.
        bucket_rows — events and requests that meet in one task.
        split_rows — events that one task reads.
        slice_rows — requests whose features are put together by one task.
    """

    slots: int
    bucket_rows: int = 1 << 21
    split_rows: int = SPLIT_ROWS
    slice_rows: int = 1 << 16

    @classmethod
    def for_rows(cls, slots: int, columns: int) -> Sizes:
        """Where the caller takes the rows themselves, of so many columns: slices of about 64 MiB, or 16,384 rows."""
        return cls(slots, slice_rows=min(max(_SLICE_BYTES // (9 * max(columns, 1)), 1 << 14), 1 << 18))

    def buckets(self, rows: int) -> int:
        """Of a route with so many events and requests."""
        if rows < self.slice_rows:
            return 1
        return min(max(-(-rows // self.bucket_rows), self.slots), 4096)

    def splits_of_a_task(self, splits: int) -> int:
        """How many one task reads: few tasks cost less, while every slot has some."""
        return min(max(splits // (4 * self.slots), 1), 4)


@dataclass(frozen=True)
class Span:
    """The requests of a job: how many, and their first and last instant."""

    rows: int
    first_us: int
    last_us: int


@dataclass(frozen=True, eq=False)
class Tables:
    """The store with the pinned versions that events are read from.

    Parameters:
        rows — about how many events a source has.
    """

    store: SplitReads
    versions: Mapping[str, int]
    rows: Callable[[EventSource], int]


def plan_stages(
    features: FeatureSet,
    label: LabelLookup | None,
    tasks: Sequence[RequestTask],
    span: Span,
    tables: Tables,
    sizes: Sizes,
    *,
    known_by_us: int | None,
    finish: Callable[[Assembled], Iterable[Piece]],
) -> Stage:
    """The last of the stages that compute the features of these requests, and what `finish` makes of them."""
    lookups, routes, starts = _lookups(features, label, span, tables, sizes)
    events = tuple(_event_tasks(lookups, routes, starts, span, tables, sizes))
    passing, passes = sum(route.buckets for route in routes), min(sizes.slots, len(tasks))
    scans = [
        Stage(
            "read requests",
            ScanRequests(routes, passing, passes),
            len(tasks),
            tasks=tuple(task.to_bytes() for task in tasks),
        )
    ]
    if events:
        scans.append(
            Stage("read events", ScanEvents(routes, _sources_of(lookups), known_by_us), len(events), tasks=events)
        )
    answer = Stage("aggregate", AnswerBuckets(routes, lookups), passing + passes, reads=tuple(scans))
    extra = () if label is None else label.names
    return Stage("put together", AssembleSlices(features, extra, finish), len(tasks), reads=(answer,))


_Lookups = tuple[tuple[Lookup, ...], tuple[Route, ...], tuple[tuple[int | None, int], ...]]


def _lookups(
    features: FeatureSet,
    label: LabelLookup | None,
    span: Span,
    tables: Tables,
    sizes: Sizes,
) -> _Lookups:
    """Lookups, their routes, and which events each can see, by time: [start, end)."""
    at = features.requests.event_time
    found: list[Lookup] = []
    wanted = []
    times: list[tuple[int | None, int]] = []
    for group in plan_groups(features.views):
        types = {name: features.outputs[name] for name in group.output_columns}
        found.append(GroupLookup(group, at, types))
        buckets = sizes.buckets(tables.rows(group.source.origin) + span.rows)
        wanted.append((group.source.name, group.keys, [at], sorted(group.columns), buckets))
        times.append((group.start_us(span.first_us), span.last_us))
    if label is not None:
        found.append(label)
        buckets = sizes.buckets(tables.rows(label.source.origin) + span.rows)
        wanted.append((label.source.name, label.keys, [at], label.event_columns, buckets))
        times.append((span.first_us, span.last_us + label.label.give_up_us + 1))
    return tuple(found), routed(wanted), tuple(times)


def _event_tasks(
    lookups: Sequence[Lookup],
    routes: Sequence[Route],
    times: Sequence[tuple[int | None, int]],
    span: Span,
    tables: Tables,
    sizes: Sizes,
) -> Iterable[bytes]:
    """Each source once: the columns and the times that any of its routes needs."""
    if not span.rows:
        return
    ordinal = 0
    for name, source in _sources_of(lookups).items():
        mine = [route.index for route in routes if route.source == name]
        columns = sorted({column for index in mine for column in routes[index].columns})
        starts = [times[index][0] for index in mine]
        start = None if None in starts else min(us for us in starts if us is not None)
        end = max(times[index][1] for index in mine)
        stored, names = source.origin, sorted(stored_columns(source, columns))
        splits = split_source(
            tables.store, stored, tables.versions, names, start_us=start, end_us=end, rows=sizes.split_rows
        )
        together = sizes.splits_of_a_task(len(splits))
        for first in range(0, len(splits), together):
            yield EventTask(name, ordinal, tuple(splits[first : first + together])).to_bytes()
            ordinal += 1


def _sources_of(lookups: Sequence[Lookup]) -> dict[str, EventSource]:
    return {lookup.source.name: lookup.source for lookup in lookups}
