"""What every file format is read into, before anything is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Origin", "Raw", "Rejected"]


@dataclass(frozen=True)
class Rejected:
    """A line that makes no row: not JSON, or another number of fields than the header."""

    row_number: int
    reason: str
    column: str | None
    text: str


@dataclass(frozen=True)
class Raw:
    """A batch as it was found: the schema's columns in their own types, and their rows' numbers in the file, from 1."""

    batch: pa.RecordBatch
    row_numbers: npt.NDArray[np.int64]
    rejected: Sequence[Rejected] = ()
    lines: Sequence[bytes] | None = None

    def originals(self, rows: npt.NDArray[np.int64]) -> list[str]:
        """JSON text of these rows of the batch, as they were in the file."""
        if self.lines is not None:
            return [self.lines[row].decode("utf-8", "backslashreplace") for row in rows]
        taken = pa.RecordBatch.from_arrays(
            [_printable(column.take(pa.array(rows))) for column in self.batch.columns], names=self.batch.schema.names
        )
        return [json.dumps(row, default=_as_json, ensure_ascii=False) for row in map(_plain_floats, taken.to_pylist())]


class Origin(Protocol):
    """Rows that can be read as often as it takes, always the same."""

    @property
    def name(self) -> str:
        """What people call it: the file's name."""
        ...

    @property
    def batch_id(self) -> str:
        """The hash of the content."""
        ...

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """Columns that are there and not in the schema."""
        ...

    @property
    def has_types(self) -> bool:
        """Whether the format types its columns; where not, strings are parsed."""
        ...

    def batches(self) -> Iterator[Raw]:
        """All rows, in order."""
        ...


def _printable(column: pa.Array) -> pa.Array:
    """Times as text: Python's own datetimes do not reach as far as Arrow's."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        zone = "" if kind.tz is None else f" {kind.tz}"
        return pa.array([None if tick is None else _instant_text(tick, kind.unit, zone) for tick in _ticks(column)])
    return column.view(pa.binary()) if pa.types.is_string(kind) else column


def _ticks(column: pa.Array) -> list[int | None]:
    ticks: list[int | None] = column.view(pa.int64()).to_pylist()
    return ticks


def _instant_text(tick: int, unit: str, zone: str) -> str:
    try:
        moment: Any = np.datetime64(tick, unit)  # type: ignore[call-overload]  # the unit is one of Arrow's four
        return f"{moment}{zone and 'Z'}"
    except ValueError:
        return f"{tick} {unit} since 1970{zone}"


def _plain_floats(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN; its name as a string does."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _as_json(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
