"""Rows into Parquet files of a bounded size, with the statistics that the log keeps of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from gapless.adapters.delta.failures import storage_error

__all__ = ["FileWriter", "Sizes", "add_action"]

_LONGEST_TEXT = 128
"""Longer strings have no range in the log; it is read whole by every reader."""

_SAMPLE_ROWS = 16_384


@dataclass(frozen=True)
class Sizes:
    """How rows are cut: a reader skips whole files and row groups, and holds about one row group in memory."""

    rows_per_file: int = 4_194_304
    rows_per_group: int = 131_072


@dataclass
class FileWriter:
    """Takes batches, writes `<folder>/<first row>-<token>.parquet`, as many as it takes."""

    folder: Path
    schema: pa.Schema
    token: str
    first_row: int
    offset_column: str | None
    sizes: Sizes
    paths: list[Path] = field(default_factory=list)
    rows: int = 0
    _waiting: list[pa.RecordBatch] = field(default_factory=list)
    _waiting_rows: int = 0
    _rows_in_file: int = 0
    _writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows; they reach the disk a row group at a time."""
        for piece in _pieces(batch, self.sizes.rows_per_group):
            if self._waiting_rows + piece.num_rows > self.sizes.rows_per_group:
                self._flush()
            self._waiting.append(self._with_offsets(piece))
            self._waiting_rows += piece.num_rows
            self.rows += piece.num_rows

    def close(self) -> None:
        """All rows are in closed files (not yet on stable storage)."""
        self._flush()
        self._close_file()

    def abandon(self) -> None:
        """Lets go of the open file, whatever state it is in."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            try:
                writer.close()
            except OSError:  # the reason for abandoning it, once more
                return

    def _with_offsets(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = batch.columns
        if self.offset_column is not None:
            start = self.first_row + self.rows
            columns = [*columns, pa.array(np.arange(start, start + batch.num_rows, dtype=np.int64))]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _flush(self) -> None:
        if not self._waiting_rows:
            return
        if self._rows_in_file + self._waiting_rows > self.sizes.rows_per_file:
            self._close_file()
        try:
            group = pa.Table.from_batches(self._waiting, self.schema)
            if self._writer is None:
                self._writer = self._open(self.first_row + self.rows - self._waiting_rows, group)
            self._writer.write_table(group, row_group_size=self.sizes.rows_per_group)
        except OSError as problem:
            raise storage_error(problem, self.paths[-1] if self.paths else self.folder, "write rows") from problem
        self._rows_in_file += self._waiting_rows
        self._waiting, self._waiting_rows = [], 0

    def _open(self, row: int, sample: pa.Table) -> pq.ParquetWriter:
        path = self.folder / f"{row:015d}-{self.token}.parquet"
        self.paths.append(path)
        return pq.ParquetWriter(path, self.schema, compression="zstd", compression_level=1, **_encodings(sample))

    def _close_file(self) -> None:
        if self._writer is None:
            return
        writer, self._writer, self._rows_in_file = self._writer, None, 0
        try:
            writer.close()
        except OSError as problem:
            raise storage_error(problem, self.paths[-1], "write rows") from problem


def _encodings(sample: pa.Table) -> dict[str, Any]:
    """Differences for integers and times, a dictionary where values repeat: a third of the time, half of the bytes."""
    whole = [f.name for f in sample.schema if pa.types.is_timestamp(f.type) or pa.types.is_int64(f.type)]
    first = sample.slice(0, _SAMPLE_ROWS)
    others = [f.name for f in sample.schema if pa.types.is_string(f.type) or pa.types.is_floating(f.type)]
    few = [name for name in others if pc.count_distinct(first[name]).as_py() <= first.num_rows // 2]
    return {"use_dictionary": few, "column_encoding": dict.fromkeys(whole, "DELTA_BINARY_PACKED")}


def _pieces(batch: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def add_action(path: Path) -> AddAction:
    """The log's line about a closed file."""
    size = path.stat().st_size
    return AddAction(
        path=path.name,
        size=size,
        partition_values={},
        modification_time=path.stat().st_mtime_ns // 1_000_000,
        data_change=True,
        stats=json.dumps(_statistics(pq.read_metadata(path))),
    )


def _statistics(footer: pq.FileMetaData) -> dict[str, Any]:
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for position, column in enumerate(footer.schema):
        name = column.path
        if column.max_repetition_level or "." in name:  # inside a list or a struct
            continue
        groups = [footer.row_group(group).column(position).statistics for group in range(footer.num_row_groups)]
        nulls[name] = sum(group.null_count for group in groups)
        ends = [_json_value(end) for group in groups if group.has_min_max for end in (group.min, group.max)]
        if ends and None not in ends:
            low[name], high[name] = min(ends), max(ends)
    return {"numRecords": footer.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}


def _json_value(value: object) -> Any:
    """As Delta writes it; None for what has no useful range."""
    if isinstance(value, bool):
        return None
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # sorts like the instants do
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else None
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    return None
