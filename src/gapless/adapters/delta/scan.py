"""Streaming the rows of one version: what cannot match is skipped by file and row group, the rest filtered exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gapless.adapters.delta.failures import unreadable
from gapless.adapters.delta.log import DataFile
from gapless.arrow import filled, kept
from gapless.ports.offline import TextRange, TimeRange

__all__ = ["FileSplit", "scan", "splits", "to_us"]

Range = TimeRange | TextRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH_ROWS = 131_072
_BUFFER_BYTES = 1 << 20  # a column is read page by page, so that a huge row group needs no huge memory


def scan(
    files: Sequence[DataFile], schema: pa.Schema, *, columns: Sequence[str], within: Range | None
) -> pa.RecordBatchReader:
    """`columns` of the rows in `within`, in the order of `files`."""
    wanted = pa.schema([schema.field(name) for name in columns])
    return pa.RecordBatchReader.from_batches(wanted, _batches(files, schema, wanted, within))


@dataclass(frozen=True)
class FileSplit:
    """Some row groups of one file: see `TableSplit`.

    Parameters:
        read_schema — what is read of the file; names — what of it is given.
    """

    path: Path
    groups: tuple[int, ...]
    read_schema: pa.Schema
    names: tuple[str, ...]
    within: Range | None
    rows: int | None

    def read(self) -> pa.RecordBatchReader:
        """See TableSplit."""
        wanted = pa.schema([self.read_schema.field(name) for name in self.names])
        batches = _file_batches(self.path, self.read_schema, self.within, self.groups)
        return pa.RecordBatchReader.from_batches(wanted, (batch.select(self.names) for batch in batches))


def splits(
    files: Sequence[DataFile], schema: pa.Schema, *, columns: Sequence[str], within: Range | None, rows: int
) -> list[FileSplit]:
    """What `scan` gives, in pieces of about so many rows."""
    wanted = pa.schema([schema.field(name) for name in columns])
    read = _read_schema(schema, wanted, within)
    return [
        FileSplit(file.path, groups, read, tuple(columns), within, count if within is None else None)
        for file in files
        if _overlaps(file, within)
        for groups, count in _cut(file.path, within, rows)
    ]


def _cut(path: Path, within: Range | None, rows: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """(row groups, how many rows they hold)."""
    try:
        footer = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as problem:
        raise unreadable(problem, path) from problem
    held: list[int] = []
    count = 0
    for group in _row_groups(footer, within):
        held.append(group)
        count += footer.row_group(group).num_rows
        if count >= rows:
            yield tuple(held), count
            held, count = [], 0
    if held:
        yield tuple(held), count


def _read_schema(schema: pa.Schema, wanted: pa.Schema, within: Range | None) -> pa.Schema:
    if within is None or within.column in wanted.names:
        return wanted
    return wanted.append(schema.field(within.column))


def _overlaps(file: DataFile, within: Range | None) -> bool:
    return within is None or within.column not in file.ranges or _may_overlap(within, *file.ranges[within.column])


def _batches(
    files: Sequence[DataFile], schema: pa.Schema, wanted: pa.Schema, within: Range | None
) -> Iterator[pa.RecordBatch]:
    read = _read_schema(schema, wanted, within)
    for file in files:
        if _overlaps(file, within):
            for batch in _file_batches(file.path, read, within):
                yield batch.select(wanted.names)


def _file_batches(
    path: Path, read: pa.Schema, within: Range | None, groups: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            groups = _row_groups(file.metadata, within) if groups is None else list(groups)
            # Of a file that was written before a column was added, one is read all the same: to know how many rows.
            held = [name for name in read.names if name in file.schema_arrow.names] or file.schema_arrow.names[:1]
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=held):
                found = _filtered(_as(batch, read), within)
                if found.num_rows:
                    yield found
    except (OSError, pa.ArrowException) as problem:
        raise unreadable(problem, path) from problem


def _as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    there = pa.schema([field for field in schema if field.name in batch.schema.names])
    ordered = batch.select(there.names)
    cast = ordered if ordered.schema.equals(there) else ordered.cast(there)
    return cast if len(there) == len(schema) else filled(cast, schema)


def _row_groups(footer: pq.FileMetaData, within: Range | None) -> list[int]:
    every = range(footer.num_row_groups)
    if within is None:
        return list(every)
    if within.column not in footer.schema.names:
        return []
    position = footer.schema.names.index(within.column)
    return [group for group in every if _group_may_overlap(footer.row_group(group).column(position).statistics, within)]


def _group_may_overlap(statistics: pq.Statistics | None, within: Range) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return _may_overlap(within, statistics.min, statistics.max)


def _may_overlap(within: Range, low: Any, high: Any) -> bool:
    if isinstance(within, TextRange):
        return bool(low.encode() <= within.last.encode() and within.first.encode() <= high.encode())
    starts_before = within.end_us is None or to_us(low) < within.end_us
    return starts_before and (within.start_us is None or to_us(high) >= within.start_us)


def to_us(value: Any) -> Any:
    """Microseconds of a datetime; anything else as it is."""
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def _filtered(batch: pa.RecordBatch, within: Range | None) -> pa.RecordBatch:
    if within is None:
        return batch
    column = batch.column(within.column)
    conditions = [pc.is_valid(column)]
    if isinstance(within, TextRange):
        # as bytes: UTF-8 order is code point order, whatever a locale thinks
        raw = column.cast(pa.binary())
        conditions += [pc.greater_equal(raw, within.first.encode()), pc.less_equal(raw, within.last.encode())]
    else:
        instants = column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
        if within.start_us is not None:
            conditions.append(pc.greater_equal(instants, within.start_us))
        if within.end_us is not None:
            conditions.append(pc.less(instants, within.end_us))
    mask = conditions[0]
    for condition in conditions[1:]:
        mask = pc.and_kleene(mask, condition)
    return kept(batch, mask)
