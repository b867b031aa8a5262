"""Killed or without power at any point, the log holds what was acknowledged, and of the rest whole calls or nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gapless.adapters.segments import WRITE_POINTS, Rotation, SegmentLog, SegmentReader
from gapless.testing.faults import KillAt, KillAtCall, RecordedSync, cut_power
from tests.adapters.forked import run_forked

_CALLS = 12
_ROTATION = Rotation(max_bytes=120)


def _write(root: Path, first: int, ahead: int, fault: Callable[[str, str], None], record: Path | None) -> None:
    """In a process of its own: one call after the other, each written down once it was acknowledged."""
    sync = {"fdatasync": RecordedSync(record), "fsync": RecordedSync(record)} if record else {}
    log = SegmentLog(root / "disk" / "log", rotation=_ROTATION, ahead_bytes=ahead, fault=fault, **sync)
    acknowledged = os.open(root / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for i in range(first, first + _CALLS):
        told = threading.Event()
        log.append(_entries(i), lambda problem, told=told: told.set() if problem is None else None)
        told.wait()
        os.write(acknowledged, b"%d\n" % i)
    log.close()


def _entries(call: int) -> list[bytes]:
    return [b"%d-%d" % (call, j) for j in range(3)]


def _acknowledged(root: Path) -> set[int]:
    file = root / "acknowledged"
    return {int(line) for line in file.read_text().splitlines()} if file.exists() else set()


def _found(root: Path) -> list[bytes]:
    reader = SegmentReader(root / "disk" / "log")
    return [entry for segment in reader.sealed() for entry in reader.read(segment)]


def _check(root: Path, before: list[bytes], first: int) -> list[bytes]:
    """All that is in the log: what was there before, then whole calls in order, with those that were acknowledged."""
    found = _found(root)
    assert found[: len(before)] == before
    new = found[len(before) :]
    calls = range(first, first + len(new) // 3)
    assert new == [entry for call in calls for entry in _entries(call)]
    assert {call for call in _acknowledged(root) if call >= first} <= set(calls)
    return found


@pytest.mark.parametrize("ahead", [0, 64])
@pytest.mark.parametrize("passing", [1, 3])
@pytest.mark.parametrize("point", WRITE_POINTS)
def test_killed_at_every_point(point: str, passing: int, ahead: int, tmp_path: Path) -> None:
    assert not run_forked(_write, tmp_path, 0, ahead, KillAt(point, passing=passing), None)
    found = _check(tmp_path, [], 0)
    assert run_forked(_write, tmp_path, 100, ahead, KillAt("never"), None)
    assert len(_check(tmp_path, found, 100)) == len(found) + 3 * _CALLS


def test_killed_again_and_again(tmp_path: Path) -> None:
    found: list[bytes] = []
    for attempt in range(12):
        run_forked(_write, tmp_path, 100 * attempt, 64, KillAtCall(1 + 7 * attempt), None)
        found = _check(tmp_path, found, 100 * attempt)
    assert len(found) > 3 * _CALLS


@pytest.mark.parametrize("ahead", [0, 64])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("point", WRITE_POINTS)
def test_power_cut_at_every_point(point: str, seed: int, ahead: int, tmp_path: Path) -> None:
    record, disk = tmp_path / "record", tmp_path / "disk"
    disk.mkdir()
    assert not run_forked(_write, tmp_path, 0, ahead, KillAt(point, passing=1 + seed), record)
    cut_power(disk, record, seed=seed)
    found = _check(tmp_path, [], 0)
    assert run_forked(_write, tmp_path, 100, ahead, KillAt("never"), None)
    assert len(_check(tmp_path, found, 100)) == len(found) + 3 * _CALLS
