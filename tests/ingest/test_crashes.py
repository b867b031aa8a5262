"""Ingest killed anywhere, or raced by another: after a rerun the tables equal those of an undisturbed run."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gapless.adapters.delta import APPEND_POINTS, DeltaStore
from gapless.adapters.delta.files import Sizes
from gapless.ingest import IngestReport, ingest
from gapless.testing.faults import KillAt, KillAtCall, RecordedSync, cut_power
from tests.adapters.forked import run_forked
from tests.ingest.sources import departures, flights, quarantined, rows

_SIZES = Sizes(rows_per_file=64, rows_per_group=16)


def _file(number: int) -> pa.Table:
    """Sixty rows: some bad, some that repeat those of the file before, some in conflict with them."""

    def change(i: int) -> dict[str, Any]:
        if i % 17 == 1:
            return {"at": None}
        return {"delay": -1.0} if i % 10 == 3 and number % 2 else {}

    return flights(40 * number, 60, change=change)


def _ingest(
    root: Path, number: int, fault: Callable[[str, str], None] | None = None, record: Path | None = None
) -> None:
    options: dict[str, Any] = {"fault": fault} if fault else {}
    if record:
        options["fsync"] = RecordedSync(record)
    _report(DeltaStore(root, sizes=_SIZES, **options), number)


def _report(store: DeltaStore, number: int) -> IngestReport:
    return ingest(store, departures(event_id="flight"), _file(number), name=f"file-{number}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("undisturbed")
    for number in range(3):
        _ingest(root, number)
    return root


def _check(root: Path, undisturbed: Path) -> None:
    assert rows(root) == rows(undisturbed)
    assert quarantined(root) == quarantined(undisturbed)
    assert len(quarantined(root)) > 10
    for table in DeltaStore(root).tables():
        assert len(list((root / table).glob("*.parquet"))) == DeltaStore(root).stats(table).files


@pytest.mark.parametrize("table", ["sources/departures", "quarantine/departures"])
@pytest.mark.parametrize("point", APPEND_POINTS)
def test_killed_at_every_point_of_both_tables(point: str, table: str, tmp_path: Path, undisturbed: Path) -> None:
    _ingest(tmp_path, 0)
    assert not run_forked(_ingest, tmp_path, 1, KillAt(point, table))
    for number in range(3):
        _ingest(tmp_path, number)
    _check(tmp_path, undisturbed)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_calls_until_all_is_in(seed: int, tmp_path: Path, undisturbed: Path) -> None:
    chance, kills = random.Random(seed), 0
    for number in range(3):
        while not run_forked(_ingest, tmp_path, number, KillAtCall(chance.randint(1, 30))):
            kills += 1
    assert kills > 0
    _check(tmp_path, undisturbed)


@pytest.mark.parametrize("seed", range(5))
def test_power_cut_at_random_calls(seed: int, tmp_path: Path, undisturbed: Path) -> None:
    chance = random.Random(seed)
    for number in range(3):
        call = chance.randint(1, 30)
        ended = run_forked(_ingest, tmp_path / "store", number, KillAtCall(call), tmp_path / "synced")
        cut_power(tmp_path / "store", tmp_path / "synced", seed=chance.randrange(2**32))
        if ended:
            assert _report(DeltaStore(tmp_path / "store"), number).repeated, "an acknowledged batch is gone"
        _ingest(tmp_path / "store", number, None, tmp_path / "synced")
    _check(tmp_path / "store", undisturbed)


def _ingest_all(root: Path, numbers: list[int], done: Path) -> None:
    added = {number: _report(DeltaStore(root, sizes=_SIZES), number).rows_added for number in numbers}
    done.write_text(json.dumps([added[number] for number in sorted(added)]))


def test_processes_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Three processes, each with all files in an order of its own."""
    orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]
    run_forked(_ingest, tmp_path / "warm", 0)
    context = multiprocessing.get_context("forkserver")
    workers = [
        context.Process(target=_ingest_all, args=(tmp_path / "store", order, tmp_path / f"done-{i}"))
        for i, order in enumerate(orders)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    found = rows(tmp_path / "store")
    assert [row["_offset"] for row in found] == list(range(len(found)))
    ids = [row["flight"] for row in found]
    good = {row["flight"] for number in range(4) for row in _file(number).to_pylist() if row["at"] is not None}
    assert sorted(ids) == sorted(good)
    added = [json.loads((tmp_path / f"done-{i}").read_text()) for i in range(3)]
    assert sum(map(sum, added)) == len(found)
    assert all(sum(counts[number] > 0 for counts in added) == 1 for number in range(4))


def test_a_second_try_that_rejects_other_rows_drops_none(tmp_path: Path) -> None:
    """Killed between its two commits; then another file takes an id, so that more rows are in conflict."""
    _ingest(tmp_path, 0)
    assert not run_forked(_ingest, tmp_path, 2, KillAt("synced", "sources/departures"))
    ingest(DeltaStore(tmp_path), departures(event_id="flight"), flights(90, 1, change=lambda i: {"delay": 7.0}))
    report = _report(DeltaStore(tmp_path), 2)
    assert report.rows_read == report.rows_added + report.rows_duplicate + report.rows_quarantined
    aside = {(row["reason"], row["row_number"]) for row in quarantined(tmp_path) if row["file"] == "file-2"}
    assert ("event_id_conflict", 11) in aside
    assert len(aside) == report.rows_quarantined
