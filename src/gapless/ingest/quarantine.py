"""Rows that were not taken in, with the reason: kept on disk until they are committed, counted, never dropped."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.ingest.rows import Raw, Rejected

__all__ = ["QUARANTINE_SCHEMA", "Quarantine"]

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("reason", pa.string()),
        pa.field("column", pa.string()),  # null: the row as a whole
        pa.field("row", pa.string()),  # as it was in the file, as JSON text
        pa.field("file", pa.string()),
        pa.field("row_number", pa.int64()),  # from 1, the header not counted
        pa.field("batch_id", pa.string()),
    ]
)


class Quarantine:
    """Collects rows into an Arrow file in `folder`."""

    def __init__(self, folder: Path, *, file: str, batch_id: str) -> None:
        self._path = folder / "quarantine.arrow"
        self._file = file
        self._source_batch = batch_id
        self._writer = pa.ipc.new_stream(str(self._path), QUARANTINE_SCHEMA)
        self._digest = hashlib.sha256()
        self.reasons: Counter[str] = Counter()

    @property
    def rows(self) -> int:
        """How many so far."""
        return self.reasons.total()

    @property
    def batch_id(self) -> str:
        """Of the content: where a second try rejects other rows, these are added and not taken for the first ones."""
        return f"{self._source_batch}:{self._digest.hexdigest()[:32]}"

    def add_lines(self, rejected: list[Rejected]) -> None:
        """Lines that make no row."""
        self._write(
            [line.reason for line in rejected],
            [line.column for line in rejected],
            [line.text for line in rejected],
            [line.row_number for line in rejected],
        )

    def add_rows(self, raw: Raw, rows: npt.NDArray[np.int64], reason: str, column: str | None) -> None:
        """Rows of a batch, all for one reason."""
        count = len(rows)
        self._write([reason] * count, [column] * count, raw.originals(rows), raw.row_numbers[rows].tolist())

    def close(self) -> None:
        """Nothing more comes."""
        self._writer.close()

    def reader(self) -> pa.RecordBatchReader:
        """What was collected, after close()."""
        return pa.RecordBatchReader.from_batches(QUARANTINE_SCHEMA, iter(pa.ipc.open_stream(str(self._path))))

    def _write(
        self, reasons: list[str], columns: list[str | None], originals: list[str], row_numbers: list[int]
    ) -> None:
        if not reasons:
            return
        count = len(reasons)
        self.reasons.update(reasons)
        self._digest.update(repr((reasons, columns, row_numbers)).encode())
        arrays = [reasons, columns, originals, [self._file] * count, row_numbers, [self._source_batch] * count]
        self._writer.write_batch(
            pa.RecordBatch.from_arrays(
                [pa.array(a, field.type) for a, field in zip(arrays, QUARANTINE_SCHEMA, strict=True)],
                schema=QUARANTINE_SCHEMA,
            )
        )
