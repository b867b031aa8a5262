"""Events of the offline store in pieces that many machines read at once, in the order that breaks ties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gapless.arrow import KNOWN_AT, filled
from gapless.errors import UnknownName
from gapless.features.stored import pinned_tables, wanted_schema
from gapless.ports.offline import SplitReads, TableSplit, TimeRange
from gapless.product import EventSource

__all__ = ["SPLIT_ROWS", "SourceSplit", "split_source", "split_table"]

SPLIT_ROWS = 1 << 20
"""Of a split: enough for one task to be worth starting."""


@dataclass(frozen=True)
class SourceSplit:
    """Some events of a source. Pickled, and read where the store's files are reachable.

    Parameters:
        rows — how many, where that is known without reading them.
    """

    table: TableSplit
    schema: pa.Schema

    @property
    def rows(self) -> int | None:
        """How many, where that is known without reading."""
        return self.table.rows

    def read(self) -> Iterator[pa.RecordBatch]:
        """In their order; a column that the table does not have yet is null. Raises: as `TableSplit.read`."""
        for batch in self.table.read():
            yield batch if batch.schema.equals(self.schema) else filled(batch, self.schema)


def split_source(
    store: SplitReads,
    source: EventSource,
    versions: Mapping[str, int],
    columns: Sequence[str],
    *,
    start_us: int | None,
    end_us: int | None,
    rows: int = SPLIT_ROWS,
) -> list[SourceSplit]:
    """The columns and `_known_at` of events with event_time in [start_us, end_us): what `StoreSources.read` gives.

    Parameters:
        versions — of tables, as `StoreSources.versions` names them.
        rows — about as many in a split.
    """
    open_ended = start_us is None and end_us is None
    within = None if open_ended else TimeRange(source.event_time, start_us, end_us)
    names = [*columns, KNOWN_AT]
    return [
        split
        for table, version in pinned_tables(source, versions)
        for split in split_table(store, source, table, names, version=version, within=within, rows=rows)
    ]


def split_table(
    store: SplitReads,
    source: EventSource,
    table: str,
    names: Sequence[str],
    *,
    version: int,
    within: TimeRange | None,
    rows: int = SPLIT_ROWS,
) -> list[SourceSplit]:
    """Columns of a source, `_known_at` and `_offset` among them if named, of one of its tables: see `read_table`."""
    schema = wanted_schema(source, names)
    return [SourceSplit(split, schema) for split in _split(store, source, table, version, names, within, rows)]


def _split(
    store: SplitReads,
    source: EventSource,
    table: str,
    version: int,
    names: Sequence[str],
    within: TimeRange | None,
    rows: int,
) -> Sequence[TableSplit]:
    """Columns of the source that the table lacks are left out."""
    left = list(names)
    while True:
        try:
            return store.split(table, columns=left, version=version, within=within, rows=rows)
        except UnknownName as missing:
            if missing.seen not in source.columns or missing.seen not in left or missing.seen == source.event_time:
                raise
            left.remove(str(missing.seen))
