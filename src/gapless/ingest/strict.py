"""Rows of a file read by the same rules as ingest, for those who cannot put a bad one aside: it is an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapless.arrow import schema_to_arrow
from gapless.errors import InputError
from gapless.ingest.clean import clean
from gapless.ingest.origins import open_origin
from gapless.ingest.rows import Origin, Raw
from gapless.product import EventSource

__all__ = ["StrictRows", "open_rows"]


@dataclass(frozen=True)
class StrictRows:
    """Rows with exactly the source's columns. `content_hash` names the content, whatever the file is called."""

    name: str
    content_hash: str
    source: EventSource
    origin: Origin

    def reader(self) -> pa.RecordBatchReader:
        """The rows from the beginning, as often as it is called.

        Raises, while it is read: InputError that names the first bad row, its column and the reason.
        """
        return pa.RecordBatchReader.from_batches(schema_to_arrow(self.source.columns), self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for raw in self.origin.batches():
            cleaned = clean(raw, self.source, from_text=not self.origin.has_types, file=self.name)
            for rejected in raw.rejected:
                raise self._bad_row(rejected.row_number, rejected.column, rejected.reason, rejected.text)
            for fault in cleaned.faults:
                row = fault.rows[:1]
                number = int(raw.row_numbers[int(row[0])])
                raise self._bad_row(number, fault.column, fault.reason, _original(raw, fault.column, int(row[0])))
            yield cleaned.batch.select(list(self.source.columns))

    def _bad_row(self, number: int, column: str | None, reason: str, text: str) -> InputError:
        return InputError(
            f"a row of {self.source.name!r} cannot be used: {reason}",
            seen=text,
            where=f"{self.name}, row {number}" + (f", column {column}" if column else ""),
            allowed="rows that fit the source's schema",
            next_step="mend the file, or ingest it: ingest puts such rows aside and goes on",
        )


def _original(raw: Raw, column: str, row: int) -> str:
    return str(raw.batch.column(column)[row])


def open_rows(
    source: EventSource, data: Any, folder: Path, *, format: str | None = None, name: str | None = None
) -> StrictRows:
    """Rows of a path, stream, DataFrame or Arrow data.

    Parameters:
        folder — where what comes only once is kept while it is read; exists.

    Raises: InputError for data that cannot be read or lacks a column; StorageError; nothing is computed before.
    """
    origin = open_origin(data, source.columns, folder, format=format, name=name)
    return StrictRows(origin.name, origin.batch_id, source, origin)
