"""Killed or without power at any point of an append, the table is as it was or whole, and a rerun makes it whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from gapless.adapters.delta import APPEND_POINTS, DeltaStore
from gapless.adapters.delta.files import Sizes
from gapless.testing.faults import KillAt, KillAtCall, RecordedSync, cut_power
from tests.adapters.forked import run_forked

_SIZES = Sizes(rows_per_file=8, rows_per_group=4)
_TABLE = "sources/t"


def _rows(first: int, count: int) -> pa.Table:
    return pa.table({"x": pa.array(range(first, first + count), pa.int64())})


def _append(root: Path, batch: int, fault: Callable[[str, str], None] | None, record: Path | None) -> None:
    """In a process of its own."""
    options = {"fault": fault} if fault else {}
    if record:
        options["fsync"] = RecordedSync(record)
    store = DeltaStore(root, sizes=_SIZES, **options)
    store.append(_TABLE, _rows(20 * batch, 20).to_reader(5), batch_id=str(batch), offset_column="_offset")


def _killed(root: Path, batch: int, fault: Callable[[str, str], None], record: Path | None = None) -> bool:
    return not run_forked(_append, root, batch, fault, record)


def _check(root: Path, batches: int) -> None:
    store = DeltaStore(root)
    found = store.read(_TABLE).read_all()
    assert found.column("x").to_pylist() == list(range(20 * batches))
    assert found.column("_offset").to_pylist() == list(range(20 * batches))
    assert store.version(_TABLE) == batches - 1
    listed = {path.name for path in (root / _TABLE).glob("*.parquet")}
    assert len(listed) == store.stats(_TABLE).files, "files that belong to no version are left"
    assert not (root / _TABLE / "_gapless" / "writing").exists()


@pytest.mark.parametrize("batches_before", [0, 1])
@pytest.mark.parametrize("point", APPEND_POINTS)
def test_killed_at_every_point(point: str, batches_before: int, tmp_path: Path) -> None:
    for batch in range(batches_before):
        _append(tmp_path, batch, None, None)
    assert _killed(tmp_path, batches_before, KillAt(point))
    for batch in range(batches_before):
        assert DeltaStore(tmp_path).has_batch(_TABLE, str(batch))
    _append(tmp_path, batches_before, None, None)
    _append(tmp_path, batches_before + 1, None, None)
    _check(tmp_path, batches_before + 2)


def _append_parts(root: Path, fault: Callable[[str, str], None] | None) -> None:
    """In a process of its own: forty rows by three tasks, one of which is done twice."""
    store = DeltaStore(root, sizes=_SIZES, **({"fault": fault} if fault else {}))

    def write(writer):
        yield writer.write(20, _rows(20, 20).to_batches())
        writer.write(0, _rows(0, 10).to_batches())
        yield writer.write(0, _rows(0, 10).to_batches())
        yield writer.write(10, _rows(10, 10).to_batches())

    store.append_parts(_TABLE, _rows(0, 1).schema, batch_ids=["0", "1"], write=write)


@pytest.mark.parametrize("point", [point for point in APPEND_POINTS if point != "written"])
def test_parts_killed_at_every_point(point: str, tmp_path: Path) -> None:
    assert not run_forked(_append_parts, tmp_path, KillAt(point))
    _append_parts(tmp_path, None)
    _append_parts(tmp_path, None)
    store = DeltaStore(tmp_path)
    assert store.read(_TABLE).read_all().column("x").to_pylist() == list(range(40))
    assert store.version(_TABLE) == 0
    listed = list((tmp_path / _TABLE).glob("*.parquet"))
    assert len(listed) == store.stats(_TABLE).files, "files that belong to no version are left"


@pytest.mark.parametrize("point", ["noted", "writing", "synced", "committed", "durable"])
def test_readers_see_whole_versions_after_a_kill(point: str, tmp_path: Path) -> None:
    _append(tmp_path, 0, None, None)
    assert _killed(tmp_path, 1, KillAt(point))
    assert DeltaStore(tmp_path).read(_TABLE).read_all().num_rows == (
        20 if point in ("noted", "writing", "synced") else 40
    )


def test_killed_again_and_again_at_random_calls(tmp_path: Path) -> None:
    kills = 0
    for batch in range(3):
        for attempt in range(4):
            call = 1 + (7 * batch + 5 * attempt) % 11
            kills += _killed(tmp_path, batch, KillAtCall(call))
        _append(tmp_path, batch, None, None)
    assert kills >= 6
    _check(tmp_path, 3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("point", APPEND_POINTS)
def test_power_cut_at_every_point(point: str, seed: int, tmp_path: Path) -> None:
    root, record = tmp_path / "store", tmp_path / "synced"
    with_history = seed % 2
    for batch in range(with_history):
        DeltaStore(root, sizes=_SIZES, fsync=RecordedSync(record)).append(
            _TABLE, _rows(20 * batch, 20).to_reader(5), batch_id=str(batch), offset_column="_offset"
        )
    acknowledged = point in ("durable", "settled")
    assert _killed(root, with_history, KillAt(point), record)
    cut_power(tmp_path, record, seed=seed)
    if with_history or acknowledged:
        held = [batch for batch in range(3) if DeltaStore(root).has_batch(_TABLE, str(batch))]
        assert held[:with_history] == list(range(with_history))
        assert acknowledged <= (with_history in held)
        assert DeltaStore(root).read(_TABLE).read_all().num_rows == 20 * len(held)
    for batch in range(3):
        _append(root, batch, None, None)
    _check(root, 3)


def _widen(root: Path, fault: Callable[[str, str], None] | None, record: Path | None) -> None:
    """The third batch has a column more."""
    options = {"fault": fault} if fault else {}
    if record:
        options["fsync"] = RecordedSync(record)
    rows = _rows(40, 20).append_column("more", pa.array([str(i) for i in range(20)]))
    store = DeltaStore(root, sizes=_SIZES, **options)
    store.append(_TABLE, rows.to_reader(5), batch_id="2", offset_column="_offset", widen=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("call", range(1, 16))
def test_killed_or_without_power_while_a_column_is_added(call: int, seed: int, tmp_path: Path) -> None:
    """The column is a commit of its own: there may be a version more than batches, and never a row more or less."""
    root, record = tmp_path / "store", tmp_path / "synced"
    for batch in range(2):
        DeltaStore(root, sizes=_SIZES, fsync=RecordedSync(record)).append(
            _TABLE, _rows(20 * batch, 20).to_reader(5), batch_id=str(batch), offset_column="_offset"
        )
    ended = run_forked(_widen, root, KillAtCall(call), record)
    assert ended == (call > 13)
    if seed:
        cut_power(tmp_path, record, seed=seed)
    store = DeltaStore(root)
    held = store.has_batch(_TABLE, "2")
    assert store.read(_TABLE).read_all().num_rows == 40 + 20 * held
    assert held or not ended
    _widen(root, None, None)
    found = store.read(_TABLE, columns=["x", "_offset", "more"]).read_all()
    assert found.column("x").to_pylist() == found.column("_offset").to_pylist() == list(range(60))
    assert found.column("more").to_pylist() == [None] * 40 + [str(i) for i in range(20)]
    assert store.version(_TABLE) == 3
    assert len(list((root / _TABLE).glob("*.parquet"))) == store.stats(_TABLE).files
    assert not (root / _TABLE / "_gapless" / "writing").exists()
