"""A source and records that the tests of events share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from gapless.arrow import KNOWN_AT, TIMESTAMP
from gapless.events.payload import pack_batch, pack_rows
from gapless.ingest.clean import table_schema
from gapless.ports.events import LogRecord
from gapless.product import EventSource

__all__ = ["START", "arrow_values", "as_batch", "clicks", "foreign", "json_values", "records", "shown"]

START = 1_700_000_000_000_000
_COLUMNS: dict[str, Any] = {"id": str, "page": str, "x": float, "n": int, "new": bool, "at": datetime}


def clicks(**options: Any) -> EventSource:
    """Clicks; with an event id unless it is said otherwise."""
    columns = _COLUMNS | {options["known_at"]: datetime} if options.get("known_at") else _COLUMNS
    return EventSource("clicks", schema=columns, event_time="at", **{"event_id": "id"} | options)


def records(
    values: Sequence[tuple[bytes, dict[str, bytes]]], *, first: int = 0, appended_us: int = START, step: int = 1
) -> list[LogRecord]:
    """The values as records of partition 0."""
    return [
        LogRecord(0, first + i * step, appended_us, value, b"", headers) for i, (value, headers) in enumerate(values)
    ]


def foreign(*values: Any) -> list[tuple[bytes, dict[str, bytes]]]:
    """What a producer of somebody else writes."""
    return [(value if isinstance(value, bytes) else json.dumps(value).encode(), {}) for value in values]


def json_values(source: EventSource, rows: Sequence[dict[str, Any]], *, each: int = 1) -> list[Any]:
    """Rows as gapless writes them, so many in a record; known as they happen."""
    out: list[Any] = []
    for start in range(0, len(rows), each):
        part = rows[start : start + each]
        out += pack_rows(source, part, [row.get(KNOWN_AT, row["at"]) for row in part])
    return out


def arrow_values(source: EventSource, rows: Sequence[dict[str, Any]], *, each: int = 1) -> list[Any]:
    """The same as Arrow."""
    out: list[Any] = []
    for start in range(0, len(rows), each):
        out += pack_batch(source, as_batch(source, rows[start : start + each]))
    return out


def as_batch(source: EventSource, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Rows with times in microseconds as a batch of the source's types."""
    schema = table_schema(source)
    filled = [{KNOWN_AT: row.get("at")} | row for row in rows]
    plain = pa.schema([pa.field(f.name, pa.int64() if f.type == TIMESTAMP else f.type) for f in schema])
    batch = pa.RecordBatch.from_pylist([{name: row.get(name) for name in schema.names} for row in filled], plain)
    return batch.cast(schema)


def shown(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows of a batch without what a JSON value cannot say: times as microseconds."""
    columns = {
        name: (column.cast(pa.int64()) if column.type == TIMESTAMP else column).to_pylist()
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
