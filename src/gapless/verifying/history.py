"""Events as they lie in the offline store: what was ingested from files, then what was landed of each partition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP, schema_to_arrow, to_numpy
from gapless.events.landed import next_record
from gapless.features import Deriving
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.ports.places import place_of
from gapless.ports.tables import landed_partitions, landed_table, source_table
from gapless.product import EventSource
from gapless.serving.entries import GroupSeen

__all__ = ["FILES", "CutHistory", "History", "Part", "is_in"]

FILES = -1
"""The partition of what was ingested from files: it breaks ties before all others."""


@dataclass(frozen=True)
class Part:
    """One table of a source's events, at one version.

    Parameters:
        end — of a partition, the place up to which the log was looked through: what counts below it is in the table.
    """

    partition: int
    table: str
    version: int
    end: int = 0


class History:
    """The events of sources, each table at the version that was newest when its source was first asked for.

    A `SourceReader`: files come first, then the partitions by number, each in its own order, which is the order that
    breaks ties. A source without any table has no events.
    """

    def __init__(self, store: OfflineStore, deriving: Deriving | None = None) -> None:
        self._store, self._deriving = store, deriving or Deriving()
        self._parts: dict[str, tuple[Part, ...]] = {}

    def parts(self, source: EventSource) -> tuple[Part, ...]:
        """The tables of a source, in the order of their partitions."""
        source = source.origin
        if source.name not in self._parts:
            self._parts[source.name] = tuple(self._found(source))
        return self._parts[source.name]

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See `SourceReader`."""
        readers = (self.read_part(source, part, columns, start_us, end_us) for part in self.parts(source))
        return _joined(source, columns, (batch for reader in readers for batch in reader))

    def rows(self, source: EventSource) -> int:
        """See `SourceReader`."""
        return sum(self._store.stats(part.table, version=part.version).rows for part in self.parts(source))

    def read_part(
        self, source: EventSource, part: Part, columns: Sequence[str], start_us: int | None, end_us: int | None
    ) -> Iterator[pa.RecordBatch]:
        """The columns, `_known_at` and `_offset` of events of one table with event_time in [start_us, end_us); a
        column that the table does not have yet is null, one that a pandas function makes is made."""
        return self._deriving.batches(
            source, columns, lambda origin, names: self._stored(origin, part, names, start_us, end_us)
        )

    def _stored(
        self, source: EventSource, part: Part, columns: Sequence[str], start_us: int | None, end_us: int | None
    ) -> Iterator[pa.RecordBatch]:
        there = set(self._store.read(part.table, version=part.version).schema.names)
        schema = _schema(source, columns).append(pa.field(OFFSET, pa.int64()))
        reader = self._store.read(
            part.table,
            columns=[name for name in schema.names if name in there],
            version=part.version,
            within=TimeRange(source.event_time, start_us, end_us),
        )
        return (_shaped(batch, schema) for batch in reader)

    def _found(self, source: EventSource) -> Iterator[Part]:
        store = self._store
        version = store.version(source_table(source))
        if version is not None:
            yield Part(FILES, source_table(source), version)
        for partition in landed_partitions(source, store.tables()):
            end = place_of(next_record(store, source, partition))  # first: the table holds at least so much then
            table = landed_table(source, partition)
            version = store.version(table)
            if version is not None:
                yield Part(partition, table, version, end)


class CutHistory:
    """The same events, as far as a part of the online state had them. A `SourceReader`.

    Parameters:
        seen — by source and partition; events of a partition that is not named were not in.
    """

    def __init__(self, history: History, seen: Mapping[str, Mapping[int, GroupSeen]]) -> None:
        self._history, self._seen = history, seen
        self.rows: Callable[[EventSource], int] = history.rows

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See `SourceReader`."""
        return _joined(source, columns, self._batches(source, columns, start_us, end_us))

    def _batches(
        self, source: EventSource, columns: Sequence[str], start_us: int | None, end_us: int | None
    ) -> Iterator[pa.RecordBatch]:
        for part in self._history.parts(source):
            seen = self._seen[source.origin.name].get(part.partition)
            if seen is None or seen.as_of_us is None:
                continue
            for batch in self._history.read_part(source, part, columns, start_us, end_us):
                place, known = (to_numpy(batch.column(name))[0] for name in (OFFSET, KNOWN_AT))
                inside = place < seen.offset
                yield batch.filter(pa.array(inside & (known <= seen.as_of_us) if seen.partition == FILES else inside))


def is_in(seen: GroupSeen, place: int, known_us: int) -> bool:
    """Whether an event of that part was in the state that an answer was made from.

    Examples:
        >>> files = GroupSeen(b"", 1, 10, 500)
        >>> is_in(files, 9, 500), is_in(files, 9, 501), is_in(files, 10, 1)
        (True, False, False)
    """
    if seen.as_of_us is None or place >= seen.offset:
        return False
    return seen.partition != FILES or known_us <= seen.as_of_us


def _joined(source: EventSource, columns: Sequence[str], batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    schema = _schema(source, columns)
    return pa.RecordBatchReader.from_batches(schema, (batch.select(schema.names) for batch in batches))


def _schema(source: EventSource, columns: Sequence[str]) -> pa.Schema:
    types = schema_to_arrow(source.columns)
    return pa.schema([*(types.field(name) for name in columns), pa.field(KNOWN_AT, TIMESTAMP)])


def _shaped(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.equals(schema):
        return batch
    there = set(batch.schema.names)
    arrays = [
        batch.column(f.name).cast(f.type) if f.name in there else pa.nulls(batch.num_rows, f.type) for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
