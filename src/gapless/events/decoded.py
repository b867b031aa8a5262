"""Raw rows of records, and the places of what makes none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES
from gapless.ingest.rows import Raw, Rejected
from gapless.ports.events import LogRecord
from gapless.ports.places import PLACE_SHIFT, place_of
from gapless.schema import Schema

__all__ = ["Decoded", "no_rows", "places", "poison"]

_SHOWN_BYTES = 200


@dataclass(frozen=True)
class Decoded:
    """Rows that were found in one way: the source's columns and `_known_at`; their row numbers are places.

    Parameters:
        from_text — texts in columns of another type are parsed.
    """

    raw: Raw
    from_text: bool


def no_rows(columns: Schema, rejected: Sequence[Rejected]) -> Decoded:
    """Records that make no row."""
    batch = pa.RecordBatch.from_arrays([pa.array([], ARROW_TYPES[kind]) for _, kind in columns.columns], list(columns))
    return Decoded(Raw(batch, np.zeros(0, np.int64), rejected), from_text=False)


def poison(record: LogRecord, reason: str, column: str | None = None) -> Rejected:
    """A record that makes no row; the beginning of its value is shown."""
    shown = record.value[:_SHOWN_BYTES]
    text = shown.hex(" ") if reason in ("not_arrow", "wrong_type") else shown.decode("utf-8", "backslashreplace")
    return Rejected(place_of(record.offset), reason, column, json.dumps(text, ensure_ascii=False))


def places(offsets: Sequence[int], counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """The place of each row of records with so many rows.

    Examples:
        >>> places([1, 5], [2, 1]).tolist()
        [65536, 65537, 327680]
    """
    many = np.array(counts, np.int64)
    first = np.repeat(np.array(offsets, np.int64) << PLACE_SHIFT, many)
    within = np.arange(len(first)) - np.repeat(np.cumsum(many) - many, many)
    return first + within
