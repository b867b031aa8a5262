"""Sources and rows that the tests of ingest share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapless.adapters.delta import DeltaStore
from gapless.product import EventSource

__all__ = ["departures", "facts", "flights", "quarantined", "rows"]

_COLUMNS = {"flight": str, "origin": str, "delay": float, "seats": int, "late": bool, "at": datetime}


def departures(*, event_id: str | None = None, delay: str | None = None, known_at: str | None = None) -> EventSource:
    """Flights that left."""
    columns = _COLUMNS if known_at is None else _COLUMNS | {known_at: datetime}
    return EventSource("departures", schema=columns, event_time="at", event_id=event_id, delay=delay, known_at=known_at)


def flights(first: int = 0, count: int = 100, *, change: Callable[[int], dict[str, Any]] = lambda i: {}) -> pa.Table:
    """Good rows with nulls where they may be; `change` alters a row by its number."""
    return pa.Table.from_pylist([_flight(i) | change(i) for i in range(first, first + count)], schema=_SCHEMA)


_SCHEMA = pa.schema(
    [
        ("flight", pa.string()),
        ("origin", pa.string()),
        ("delay", pa.float64()),
        ("seats", pa.int64()),
        ("late", pa.bool_()),
        ("at", pa.timestamp("us", "UTC")),
    ]
)


def _flight(i: int) -> dict[str, Any]:
    delay = None if i % 9 == 4 else i / 7 - 3
    return {
        "flight": f"f{i:06d}",
        "origin": None if i % 11 == 2 else ["JFK", 'La "Guardia"', "Zürich,\nKloten"][i % 3],
        "delay": delay,
        "seats": None if i % 13 == 5 else 100 + i,
        "late": None if delay is None else delay > 1,
        "at": 1_356_998_400_000_000 + i * 60_000_001,
    }


def rows(root: Path) -> list[dict[str, Any]]:
    """The source's table, in order."""
    return DeltaStore(root).read("sources/departures").read_all().to_pylist()


def quarantined(root: Path) -> list[dict[str, Any]]:
    """The source's quarantine, in order; none where there is no such table."""
    store = DeltaStore(root)
    if store.version("quarantine/departures") is None:
        return []
    return store.read("quarantine/departures").read_all().to_pylist()


def facts(root: Path) -> list[tuple[str, str | None, int]]:
    """(reason, column, row number) of the quarantine."""
    return [(row["reason"], row["column"], row["row_number"]) for row in quarantined(root)]
