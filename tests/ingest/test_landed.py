"""Ids that came by the log are not taken in again from a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.ingest import IngestReport, ingest
from tests.ingest.sources import departures, facts, flights

SOURCE = departures(event_id="flight")


def _land(store: DeltaStore, partition: int, rows: pa.Table) -> None:
    offsets = pa.array(range(rows.num_rows), pa.int64())
    table = rows.append_column(KNOWN_AT, rows.column("at")).append_column(OFFSET, offsets)
    store.append(f"events/departures/{partition}", table.to_reader(), batch_id=f"{partition}")


def _counts(report: IngestReport) -> tuple[int, int, dict[str, int]]:
    return report.rows_added, report.rows_duplicate, report.reasons


@pytest.mark.parametrize("with_files", [False, True])
def test_landed_ids_are_repeats_or_conflicts(with_files: bool, tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    if with_files:
        ingest(store, SOURCE, flights(50, 10))
    _land(store, 0, flights(0, 5))
    _land(store, 7, flights(5, 5))
    change = {3: {"delay": 99.0}, 8: {"origin": "other"}}
    report = ingest(store, SOURCE, flights(0, 60, change=lambda i: change.get(i, {})))
    more = 10 if with_files else 0
    assert _counts(report) == (50 - more, 8 + more, {"event_id_conflict": 2})
    assert sorted(facts(tmp_path)) == [("event_id_conflict", "flight", 4), ("event_id_conflict", "flight", 9)]


def test_without_an_id_nothing_is_compared(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    _land(store, 0, flights(0, 5))
    assert _counts(ingest(store, departures(), flights(0, 5))) == (5, 0, {})


def test_a_landed_table_of_before_a_column_was_added(tmp_path: Path) -> None:
    """The event of then has no value there: one that has one now is another."""
    store = DeltaStore(tmp_path)
    _land(store, 0, flights(0, 3).drop_columns(["seats"]))
    report = ingest(store, SOURCE, flights(0, 3, change=lambda i: {"seats": None} if i else {}))
    assert _counts(report) == (0, 2, {"event_id_conflict": 1})


def test_landed_events_of_other_ids_are_no_matter(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    _land(store, 0, flights(0, 5))
    late = flights(5, 5).set_column(5, "at", pa.array([1_400_000_000_000_000] * 5, TIMESTAMP))
    assert _counts(ingest(store, SOURCE, late)) == (5, 0, {})
