"""Where events are read from, and the reader of tables at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import KNOWN_AT, TIMESTAMP, kept, schema_to_arrow
from gapless.errors import InputError, NotFound, UnknownName
from gapless.product import EventSource

__all__ = ["SourceReader", "TableSources", "within"]


_UNKNOWN_ROWS = 20_000_000  # of a table that is a function: enough buckets for what fits a laptop


class SourceReader(Protocol):
    """Events of a source in their order, the order that breaks ties."""

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """The given columns and `_known_at` of events with event_time in [start_us, end_us); None is open."""
        ...

    def rows(self, source: EventSource) -> int:
        """About how many events there are, to plan memory by."""
        ...


class TableSources:
    """Events from Arrow tables, or from functions that open a reader, without a store: notebooks and benchmarks.

    The data is taken as it is: no quarantine, no event_id. Row order breaks ties.

    Raises: NotFound for a source without a table; InputError for a column of another type or an event without
        its time.
    """

    def __init__(self, tables: Mapping[str, pa.Table | Callable[[Sequence[str]], pa.RecordBatchReader]]) -> None:
        self._tables = tables

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        wanted = list(dict.fromkeys([*columns, *([source.known_at] if source.known_at else [])]))
        reader = self._open(source, wanted)
        types = schema_to_arrow(source.columns)
        out = pa.schema([*(types.field(name) for name in columns), pa.field(KNOWN_AT, TIMESTAMP)])
        return pa.RecordBatchReader.from_batches(
            out, (_shaped(batch, source, columns, out, start_us, end_us) for batch in reader)
        )

    def rows(self, source: EventSource) -> int:
        table = self._tables.get(source.name)
        return table.num_rows if isinstance(table, pa.Table) else _UNKNOWN_ROWS

    def _open(self, source: EventSource, columns: Sequence[str]) -> pa.RecordBatchReader:
        table = self._tables.get(source.name)
        if table is None:
            raise NotFound(f"no table for source {source.name!r}", seen=source.name, allowed=", ".join(self._tables))
        if not isinstance(table, pa.Table):
            return table(columns)
        for name in columns:
            if name not in table.column_names:
                raise UnknownName(f"column in the table of {source.name!r}", name, table.column_names)
        return table.select(list(columns)).to_reader(max_chunksize=1 << 20)


def _shaped(
    batch: pa.RecordBatch,
    source: EventSource,
    columns: Sequence[str],
    out: pa.Schema,
    start_us: int | None,
    end_us: int | None,
) -> pa.RecordBatch:
    by_name = {name: batch.column(name) for name in batch.schema.names}
    time = _cast(by_name[source.event_time], TIMESTAMP, source.event_time)
    known = by_name[source.known_at] if source.known_at else time
    if source.delay_us:
        known = pc.add(time.cast(pa.int64()), source.delay_us).cast(TIMESTAMP)
    for name, when in ((source.event_time, time), (source.known_at, known)):
        if when.null_count:
            raise InputError(
                f"events of source {source.name!r} have an empty {name!r}",
                seen=f"{when.null_count} nulls",
                allowed="a value in every row",
                next_step="drop those rows, or ingest the file: ingest puts them aside with the reason",
            )
    arrays = [_cast(by_name[name], out.field(name).type, name) for name in columns]
    shaped = pa.RecordBatch.from_arrays([*arrays, _cast(known, TIMESTAMP, KNOWN_AT)], schema=out)
    return kept(shaped, within(time, start_us, end_us)) if (start_us, end_us) != (None, None) else shaped


def _cast(array: pa.Array, kind: pa.DataType, name: str) -> pa.Array:
    try:
        return array if array.type == kind else array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"column {name!r} has another type than its source says", seen=str(array.type), allowed=str(kind)
        ) from error


def within(time: pa.Array, start_us: int | None, end_us: int | None) -> pa.Array:
    """Which instants lie in [start_us, end_us); None is open, null is outside."""
    us = time.cast(pa.int64())
    keep = pc.is_valid(us)
    if start_us is not None:
        keep = pc.and_(keep, pc.greater_equal(us, start_us))
    return keep if end_us is None else pc.and_(keep, pc.less(us, end_us))
