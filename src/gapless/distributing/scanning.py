"""The first stages: requests and events are read, and sent to where their keys meet."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
import pyarrow as pa

from gapless.arrow import known_by
from gapless.distributing.blocks import packed, unpacked
from gapless.distributing.known import without_known
from gapless.distributing.routes import OWN, ROW, SLICE, Route, by_source
from gapless.features import Deriving, SourceSplit, gathered
from gapless.ports.engine import Piece
from gapless.product import EventSource

__all__ = ["EventTask", "RequestRows", "RequestTask", "ScanEvents", "ScanRequests", "ShippedRows", "read_derived"]

_DEALT_ROWS = 1 << 19
"""Events that are dealt together: the pieces stay large where buckets are many."""


class RequestRows(Protocol):
    """The requests of a slice, wherever they come from. Pickled."""

    def read(self) -> pa.RecordBatch:
        """All of them, with exactly the columns of their source."""
        ...


@dataclass(frozen=True)
class ShippedRows:
    """Requests that travel with the task."""

    value: bytes

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> ShippedRows:
        """These."""
        return cls(packed(OWN, batch))

    def read(self) -> pa.RecordBatch:
        """See RequestRows."""
        return unpacked(self.value)[1]


@dataclass(frozen=True)
class RequestTask:
    """One slice of the requests."""

    slice: int
    rows: RequestRows

    def to_bytes(self) -> bytes:
        """As a task of a stage."""
        return pickle.dumps(self)


@dataclass(frozen=True)
class EventTask:
    """Splits of a source that follow each other; `ordinal` is their number among all, in the order that breaks ties."""

    source: str
    ordinal: int
    splits: tuple[SourceSplit, ...]

    def to_bytes(self) -> bytes:
        """As a task of a stage."""
        return pickle.dumps(self)


@dataclass(frozen=True)
class ScanRequests:
    """Sends each request to its bucket of every route, and its own columns to a partition that passes them on.

    Parameters:
        passing — the first of the partitions that pass on; passes — how many they are.
    """

    routes: tuple[Route, ...]
    passing: int
    passes: int

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        for piece in pieces:
            task: RequestTask = pickle.loads(piece.value)
            own = task.rows.read()
            yield Piece(self.passing + task.slice % self.passes, task.slice, packed(OWN, own))
            numbered = _numbered(own, task.slice)
            for route in self.routes:
                yield from route.requests(numbered, task.slice)


def _numbered(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    rows = np.arange(batch.num_rows, dtype=np.int32)
    columns = [*batch.columns, pa.array(np.full(batch.num_rows, number, np.int32)), pa.array(rows)]
    return pa.RecordBatch.from_arrays(columns, [*batch.schema.names, SLICE, ROW])


@dataclass(frozen=True)
class ScanEvents:
    """Sends each event to its bucket of every route of its source, unless it became known after `known_by_us`.

    Parameters:
        sources — by name; pandas functions run here, once for each event.
    """

    routes: tuple[Route, ...]
    sources: Mapping[str, EventSource]
    known_by_us: int | None

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        routes, deriving = by_source(self.routes), Deriving()
        for piece in pieces:
            task: EventTask = pickle.loads(piece.value)
            columns = sorted({column for route in routes[task.source] for column in route.columns})
            source = self.sources[task.source]
            batches = read_derived(deriving, source, columns, self._known(task.splits))
            for number, gathered_batch in enumerate(gathered(batches, _DEALT_ROWS)):
                batch = without_known(gathered_batch, source)
                for route in routes[task.source]:
                    yield from route.events(batch, task.ordinal << 32 | number)

    def _known(self, splits: Sequence[SourceSplit]) -> Iterator[pa.RecordBatch]:
        for batch in chain.from_iterable(split.read() for split in splits):
            seen = known_by(batch, self.known_by_us)
            if seen.num_rows:
                yield seen


def read_derived(
    deriving: Deriving, source: EventSource, columns: Sequence[str], stored: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The columns of a source, derived or not, of batches that have the stored ones; then the platform's own."""

    def read(origin: EventSource, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for batch in stored:
            own = (name for name in batch.schema.names if name.startswith("_"))
            yield batch.select([*names, *own])

    return deriving.batches(source, columns, read)
