"""Where the rows of each group of views go: the partitions of the stage that has the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gapless.arrow import KNOWN_AT
from gapless.distributing.blocks import packed
from gapless.distributing.buckets import bucket_of, dealt
from gapless.ports.engine import Piece

__all__ = ["EVENTS", "OWN", "REQUESTS", "ROW", "SLICE", "Route", "by_source", "route_at", "routed"]

EVENTS, REQUESTS, OWN = "events", "requests", "own"
SLICE, ROW = "_slice", "_row"
"""Of a request: the slice that it is in, and its place there."""


@dataclass(frozen=True)
class Route:
    """The buckets of what is looked up in one source by one key.

    Parameters:
        index — its number among the routes.
        source — the name of what events are read from.
        request_keys, event_keys — columns, in the same order.
        request_columns — what is needed of a request, its keys among them; columns — of an event.
        first — the partition of its first bucket.
        buckets — how many it has.
    """

    index: int
    source: str
    request_keys: tuple[str, ...]
    event_keys: tuple[str, ...]
    request_columns: tuple[str, ...]
    columns: tuple[str, ...]
    first: int
    buckets: int

    def events(self, batch: pa.RecordBatch, order: int) -> Iterator[Piece]:
        """The events of a batch on their way; when they became known, too, if the batch says it."""
        known = [KNOWN_AT] if KNOWN_AT in batch.schema.names else []
        yield from self._sent(EVENTS, batch.select([*self.columns, *known]), self.event_keys, order)

    def requests(self, batch: pa.RecordBatch, order: int) -> Iterator[Piece]:
        """The requests of a slice on their way; the batch has SLICE and ROW too."""
        yield from self._sent(REQUESTS, batch.select([*self.request_columns, SLICE, ROW]), self.request_keys, order)

    def _sent(self, kind: str, batch: pa.RecordBatch, keys: Sequence[str], order: int) -> Iterator[Piece]:
        bucket = bucket_of([batch.column(key) for key in keys], self.buckets)
        for number, rows in dealt(batch, bucket, self.buckets):
            yield Piece(self.first + number, order, packed(kind, rows))


def routed(
    wanted: Sequence[tuple[str, Sequence[tuple[str, str]], Sequence[str], Sequence[str], int]],
) -> tuple[Route, ...]:
    """Routes side by side.

    Parameters:
        wanted — of each: source, (request key, event key) pairs, request columns, event columns, buckets.
    """
    routes: list[Route] = []
    first = 0
    for source, keys, request_columns, columns, buckets in wanted:
        mine, theirs = tuple(key for key, _ in keys), tuple(key for _, key in keys)
        needed = tuple(dict.fromkeys([*mine, *request_columns]))
        routes.append(Route(len(routes), source, mine, theirs, needed, tuple(columns), first, buckets))
        first += buckets
    return tuple(routes)


def route_at(routes: Sequence[Route], partition: int) -> Route | None:
    """Whose bucket a partition is; None for one that only passes on."""
    return next((r for r in routes if r.first <= partition < r.first + r.buckets), None)


def by_source(routes: Sequence[Route]) -> Mapping[str, tuple[Route, ...]]:
    """Routes of each source."""
    return {name: tuple(r for r in routes if r.source == name) for name in dict.fromkeys(r.source for r in routes)}
