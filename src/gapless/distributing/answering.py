"""The middle stage: the requests of one bucket meet the events of its keys in the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from gapless.arrow import KNOWN_AT, TIMESTAMP, kept, schema_to_arrow, to_numpy
from gapless.distributing.blocks import cut, packed, unpacked
from gapless.distributing.known import with_known
from gapless.distributing.routes import EVENTS, REQUESTS, ROW, SLICE, Route, route_at
from gapless.features import DerivedSources, Group, Limits, SourceReader, group_columns, within
from gapless.ports.engine import Piece
from gapless.product import EventSource
from gapless.schema import Type

__all__ = ["FOUND", "AnswerBuckets", "GroupLookup", "Lookup"]

FOUND = "found"
_LIMITS = Limits(workers=1)


class Lookup(Protocol):
    """What the requests of a bucket are given. Pickled."""

    @property
    def source(self) -> EventSource:
        """What events are read of."""
        ...

    def columns(self, requests: pa.RecordBatch, sources: SourceReader) -> Mapping[str, pa.Array]:
        """Columns, in the order of the requests."""
        ...


@dataclass(frozen=True)
class GroupLookup:
    """The features of one group of views.

    Parameters:
        at — the request column with the instant.
        types — of the features.
    """

    group: Group
    at: str
    types: Mapping[str, Type]

    @property
    def source(self) -> EventSource:
        """See Lookup."""
        return self.group.source

    def columns(self, requests: pa.RecordBatch, sources: SourceReader) -> Mapping[str, pa.Array]:
        """See Lookup."""
        at, _ = to_numpy(requests.column(self.at))
        # What became known too late was not sent here.
        return group_columns(self.group, requests, at, sources, self.types, known_by_us=None, limits=_LIMITS)


@dataclass(frozen=True)
class AnswerBuckets:
    """Gives the columns that each route finds for its requests to the slices they are in, and passes on what is theirs.

    Parameters:
        lookups — by the index of the route.
    """

    routes: tuple[Route, ...]
    lookups: tuple[Lookup, ...]

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        held: dict[str, list[tuple[int, pa.RecordBatch]]] = {EVENTS: [], REQUESTS: []}
        route = None
        for piece in pieces:
            route = route_at(self.routes, piece.place)
            if route is None:  # the columns of a slice, on their way through
                yield Piece(piece.order, -1, piece.value)
            else:  # while the next one is on its way
                kind, batch = unpacked(piece.value)
                held[kind].append((piece.order, batch))
        if route is not None and held[REQUESTS]:
            yield from self._answered(route, _ordered(held.pop(REQUESTS)), _ordered(held.pop(EVENTS)))

    def _answered(
        self, route: Route, requests: Sequence[pa.RecordBatch], events: Sequence[pa.RecordBatch]
    ) -> Iterator[Piece]:
        asked = pa.concat_batches(requests)
        lookup = self.lookups[route.index]
        found = lookup.columns(asked, _BucketEvents(lookup.source, events))
        yield from _by_slice(asked, found, route.index)


def _ordered(batches: list[tuple[int, pa.RecordBatch]]) -> list[pa.RecordBatch]:
    return [batch for _, batch in sorted(batches, key=lambda one: one[0])]


def _by_slice(requests: pa.RecordBatch, found: Mapping[str, pa.Array], index: int) -> Iterator[Piece]:
    names = [ROW, *found]
    batch = pa.RecordBatch.from_arrays([requests.column(ROW), *found.values()], names)
    slices = requests.column(SLICE).to_numpy()  # ascending, as requests came in the order of their slices
    starts = np.flatnonzero(np.r_[True, slices[1:] != slices[:-1]])
    ends = [*starts[1:].tolist(), len(slices)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        for part in cut(batch.slice(start, end - start)):
            yield Piece(int(slices[start]), index, packed(FOUND, part))


class _BucketEvents(DerivedSources):
    """The events of one bucket, in the order that breaks ties, with what pandas functions made of them."""

    def __init__(self, source: EventSource, batches: Sequence[pa.RecordBatch]) -> None:
        self._source, self._batches = source, [with_known(batch, source) for batch in batches]

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See SourceReader."""
        names = [*columns, KNOWN_AT]
        types = schema_to_arrow(self._source.columns).append(pa.field(KNOWN_AT, TIMESTAMP))
        schema = pa.schema([types.field(name) for name in names])
        time = self._source.event_time
        cut = (kept(b.select(names), within(b.column(time), start_us, end_us)) for b in self._batches)
        return pa.RecordBatchReader.from_batches(schema, (batch for batch in cut if batch.num_rows))

    def rows(self, source: EventSource) -> int:
        """See SourceReader."""
        return sum(batch.num_rows for batch in self._batches)
