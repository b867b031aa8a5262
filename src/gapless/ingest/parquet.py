"""Parquet files and Arrow batches: formats with types of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gapless.errors import InputError
from gapless.ingest.columns import extra_columns
from gapless.ingest.content import Content
from gapless.ingest.rows import Raw
from gapless.schema import Schema

__all__ = ["ArrowOrigin", "ParquetOrigin"]

_BATCH_ROWS = 131_072
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class ParquetOrigin:
    """A Parquet file; memory does not grow with its row groups."""

    content: Content
    extra_columns: tuple[str, ...]
    wanted: tuple[str, ...]
    has_types: bool = True

    @classmethod
    def open(cls, content: Content, schema: Schema) -> ParquetOrigin:
        """Reads the footer.

        Raises: InputError where it is another format, or lacks a column.
        """
        try:
            found = pq.read_schema(content.path).names
        except (pa.ArrowException, OSError) as problem:
            raise _not_parquet(problem, content.name) from problem
        return cls(content, extra_columns(found, list(schema), file=content.name), tuple(schema))

    @property
    def name(self) -> str:
        """The file's name."""
        return self.content.name

    @property
    def batch_id(self) -> str:
        """The hash of the file's bytes."""
        return self.content.digest

    def batches(self) -> Iterator[Raw]:
        """All rows, in order."""
        try:
            with pq.ParquetFile(self.content.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
                yield from _numbered(file.iter_batches(_BATCH_ROWS, columns=list(self.wanted)), self.wanted)
        except (pa.ArrowException, OSError) as problem:
            raise _not_parquet(problem, self.name) from problem
        self.content.check_unchanged()


def _not_parquet(problem: Exception, name: str) -> InputError:
    return InputError(
        "not a whole Parquet file",
        where=name,
        seen=str(problem),
        next_step="write it again (a copy may have been cut short), or name its true format; nothing was taken in",
    )


@dataclass(frozen=True)
class ArrowOrigin:
    """Batches that `read` gives anew each time."""

    name: str
    batch_id: str
    extra_columns: tuple[str, ...]
    wanted: tuple[str, ...]
    read: Callable[[], Iterable[pa.RecordBatch]]
    has_types: bool = True

    def batches(self) -> Iterator[Raw]:
        """All rows, in order."""
        yield from _numbered(_cut(self.read()), self.wanted)


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS)


def _numbered(batches: Iterable[pa.RecordBatch], wanted: tuple[str, ...]) -> Iterator[Raw]:
    """Rows are counted from 1."""
    row = 1
    for batch in batches:
        yield Raw(batch.select(list(wanted)), np.arange(row, row + batch.num_rows, dtype=np.int64))
        row += batch.num_rows
