"""The middle stage: the requests of one bucket meet the events of its keys in the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from gapless.arrow import KNOWN_AT, TIMESTAMP, schema_to_arrow, to_numpy
from gapless.distributing.blocks import cut, packed, unpacked
from gapless.distributing.routes import EVENTS, REQUESTS, ROW, SLICE, Route, route_at
from gapless.features import DerivedSources, Group, Limits, SourceReader, group_columns, within
from gapless.ports.engine import Piece, orderly
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
        held: list[Piece] = []
        for piece in pieces:
            route = route_at(self.routes, piece.place)
            if route is None:  # the columns of a slice, on their way through
                yield Piece(piece.order, -1, piece.value)
            else:
                held.append(piece)
        if held:
            yield from self._answered(held)

    def _answered(self, pieces: list[Piece]) -> Iterator[Piece]:
        route = route_at(self.routes, pieces[0].place)
        assert route is not None
        kinds: dict[str, list[pa.RecordBatch]] = {EVENTS: [], REQUESTS: []}
        for piece in orderly(pieces):
            kind, batch = unpacked(piece.value)
            kinds[kind].append(batch)
        pieces.clear()
        if not kinds[REQUESTS]:
            return
        requests = pa.concat_batches(kinds[REQUESTS])
        lookup = self.lookups[route.index]
        found = lookup.columns(requests, _BucketEvents(lookup.source, kinds[EVENTS]))
        yield from _by_slice(requests, found, route.index)


def _by_slice(requests: pa.RecordBatch, found: Mapping[str, pa.Array], index: int) -> Iterator[Piece]:
    names = [ROW, *found]
    batch = pa.RecordBatch.from_arrays([requests.column(ROW), *found.values()], names)
    slices = requests.column(SLICE).to_numpy()
    order = np.argsort(slices, kind="stable")
    sorted_slices, ordered = slices[order], batch.take(pa.array(order))
    starts = np.flatnonzero(np.r_[True, sorted_slices[1:] != sorted_slices[:-1]])
    ends = [*starts[1:].tolist(), len(slices)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        for part in cut(ordered.slice(start, end - start)):
            yield Piece(int(sorted_slices[start]), index, packed(FOUND, part))


class _BucketEvents(DerivedSources):
    """The events of one bucket, in the order that breaks ties, with what pandas functions made of them."""

    def __init__(self, source: EventSource, batches: Sequence[pa.RecordBatch]) -> None:
        self._source, self._batches = source, batches

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See SourceReader."""
        names = [*columns, KNOWN_AT]
        types = schema_to_arrow(self._source.columns).append(pa.field(KNOWN_AT, TIMESTAMP))
        schema = pa.schema([types.field(name) for name in names])
        time = self._source.event_time
        cut = (b.filter(within(b.column(time), start_us, end_us)).select(names) for b in self._batches)
        return pa.RecordBatchReader.from_batches(schema, (batch for batch in cut if batch.num_rows))

    def rows(self, source: EventSource) -> int:
        """See SourceReader."""
        return sum(batch.num_rows for batch in self._batches)
