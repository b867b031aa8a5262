"""Crashed, killed or without power at any point, the event log holds what was acknowledged, whole and once."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from gapless.adapters.segments import EVENT_LOG_POINTS, FileEventLog
from gapless.ports.events import Outgoing, TopicPartition
from gapless.testing.events_factory import drain, joined, opened
from gapless.testing.events_groups import crash_in_commits
from gapless.testing.events_writers import crash_in_appends
from gapless.testing.faults import Crash, CrashAtCall, KillAt, KillAtCall, RecordedSync, cut_power
from tests.adapters.events import OnFiles
from tests.adapters.forked import run_forked, run_forked_together

_T, _GROUP = "topic", "group"
_FIRST = TopicPartition(_T, 0)


class _Points:
    """Which points were passed."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, point: str, name: str) -> None:
        self.seen.add(point)


# ---- crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment_bytes", [1 << 26, 400, 1])
def test_crash_points_of_appends(segment_bytes: int, tmp_path: Path) -> None:
    factory = OnFiles(tmp_path, segment_bytes, durable=False)
    assert sum(crash_in_appends(factory, f"log{i}", crashes=35) for i in range(12)) == 420


@pytest.mark.parametrize("segment_bytes", [1 << 26, 400, 1])
def test_crash_points_of_commits(segment_bytes: int, tmp_path: Path) -> None:
    factory = OnFiles(tmp_path, segment_bytes, durable=False)
    assert sum(crash_in_commits(factory, f"log{i}", crashes=25, seed=i) for i in range(10)) >= 300


@pytest.mark.parametrize("seed", range(12))
def test_anything_in_any_order_with_crashes_is_what_a_list_would_be(seed: int, tmp_path: Path) -> None:
    """Appends, trims and commits, each of which may crash anywhere; the oracle is a list of what must be there."""
    chance = random.Random(seed)
    factory = OnFiles(tmp_path, chance.choice([1, 150, 1000]), durable=False)
    with opened(factory, "log") as log:
        log.create(_T, 1)
    kept: list[bytes] = []
    for step in range(25):
        records = [Outgoing(0, b"%d-%d" % (step, i) * chance.randint(1, 9)) for i in range(chance.randint(0, 4))]
        crashed = _step(factory, chance, records)
        with opened(factory, "log") as log, joined(log, _GROUP, [_T]):
            found = [record.value for record in drain(log, _T)]
            start = log.spans(_T)[0].start
        tail = found[len(kept) - start :]
        assert found[: len(kept) - start] == kept[start:]
        assert tail in ([r.value for r in records[:n]] for n in range(len(records) + 1) if crashed or n == len(records))
        kept += tail


def _step(factory: OnFiles, chance: random.Random, records: list[Outgoing]) -> bool:
    """Whether it crashed. A trim comes first, since it changes nothing that the oracle keeps behind the start."""
    with opened(factory, "log", CrashAtCall(chance.randint(1, 40))) as log:
        try:
            if chance.random() < 0.3:
                log.trim(_T, 0, chance.randint(0, log.spans(_T)[0].end))
            if chance.random() < 0.5:
                log.append(_T, records)
            else:
                member = log.join(_GROUP, [_T])
                assert member.assigned()
                member.commit([(_T, record) for record in records], {})
        except Crash:
            return True
    return False


def test_every_point_is_passed(tmp_path: Path) -> None:
    """The list of points is what there is: a crash at each of them is part of the tests above."""
    points, factory = _Points(), OnFiles(tmp_path, 100)
    with opened(factory, "log", points) as log:
        log.create(_T, 1)
        for _ in range(4):
            log.append(_T, [Outgoing(0, bytes(100))])
        log.trim(_T, 0, 3)
        (folder,) = tmp_path.glob("log/topics/*/0")
        with max(folder.glob("*.log")).open("ab") as file:
            file.write(b"torn")
        log.append(_T, [Outgoing(0, b"")])
        with joined(log, _GROUP, [_T]) as member:
            for _ in range(20):
                member.commit([(_T, Outgoing(0, bytes(900_000)))], {_FIRST: 1})
    assert points.seen == set(EVENT_LOG_POINTS)


@pytest.mark.parametrize("call", [1, 2])
def test_a_crash_while_a_topic_is_created(call: int, tmp_path: Path) -> None:
    factory = OnFiles(tmp_path)
    with opened(factory, "log", CrashAtCall(call)) as log, pytest.raises(Crash):
        log.create(_T, 3)
    with opened(factory, "log") as log:
        assert log.create(_T, 5) == {1: 5, 2: 3}[call]
        log.append(_T, [Outgoing(2, b"a")])


# ---- kills ---------------------------------------------------------------------------------------


def _append_and_tell(root: Path, writer: int, calls: int, fault: KillAt | KillAtCall, record: Path | None) -> None:
    """In a process of its own: one call after the other, each written down once it was acknowledged."""
    sync = {"fdatasync": RecordedSync(record), "fsync": RecordedSync(record)} if record else {}
    log = FileEventLog(root / "disk" / "log", segment_bytes=500, fault=fault, **sync)
    log.create(_T, 2)
    acknowledged = os.open(root / f"acknowledged-{writer}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for i in range(calls):
        log.append(_T, _call(writer, i))
        os.write(acknowledged, b"%d\n" % i)
    log.close()


def _call(writer: int, number: int) -> list[Outgoing]:
    return [Outgoing(number % 2, b"%d/%d/%d" % (writer, number, j)) for j in range(3)]


def _acknowledged(root: Path, writer: int) -> set[int]:
    file = root / f"acknowledged-{writer}"
    return {int(line) for line in file.read_text().splitlines()} if file.exists() else set()


def _check(root: Path, writers: int) -> int:
    """Of each writer whole calls from the first on, in order, with those that were acknowledged; gives how many."""
    with opened(OnFiles(root / "disk", 500), "log") as log:
        log.create(_T, 2)
        found = [[record.value for record in drain(log, _T, partition)] for partition in (0, 1)]
    total = 0
    for writer in range(writers):
        own = [[value for value in values if value.startswith(b"%d/" % writer)] for values in found]
        calls = sum(map(len, own)) // 3
        for partition, values in enumerate(own):
            expected = [r.value for i in range(calls) for r in _call(writer, i) if r.partition == partition]
            assert values == expected
        assert _acknowledged(root, writer) <= set(range(calls))
        total += calls
    return total


@pytest.mark.parametrize("seed", range(2))
def test_producers_are_killed_while_others_append(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    faults = [KillAtCall(chance.randint(20, 120)) for _ in range(4)] + [KillAt("never")] * 2
    calls = [(tmp_path, writer, 40, fault, None) for writer, fault in enumerate(faults)]
    assert run_forked_together(_append_and_tell, calls) == [False] * 4 + [True] * 2
    assert 80 < _check(tmp_path, len(faults)) < 240


_APPEND_POINTS = ("creating", "created", "rotated", "begun", "written", "synced", "published")


@pytest.mark.parametrize("passing", [1, 4])
@pytest.mark.parametrize("point", _APPEND_POINTS)
def test_power_is_cut_at_every_point(point: str, passing: int, tmp_path: Path) -> None:
    record, disk = tmp_path / "record", tmp_path / "disk"
    disk.mkdir()
    ended = run_forked(_append_and_tell, tmp_path, 0, 30, KillAt(point, passing=passing), record)
    assert ended == (passing > 1 and point.startswith("creat"))
    cut_power(disk, record, seed=passing)
    before = _check(tmp_path, 1)
    assert run_forked(_append_and_tell, tmp_path, 1, 30, KillAt("never"), record)
    assert _check(tmp_path, 2) == before + 30


def test_a_power_cut_may_take_the_head_back_to_any_time(tmp_path: Path) -> None:
    """It is not synced: whatever the disk holds of it, what was acknowledged is found behind."""
    heads: list[bytes] = []
    head = tmp_path / "log" / "topics" / _T / "0" / "head"
    with opened(OnFiles(tmp_path, 300), "log") as log:
        log.create(_T, 1)
        for i in range(40):
            log.append(_T, [Outgoing(0, b"%d" % i * 5)])
            heads.append(head.read_bytes())
    for i, old in enumerate([*heads, b"", bytes(128), heads[20][:64] + bytes(64), bytes(64) + heads[21][64:]]):
        head.write_bytes(old)
        shutil.copytree(tmp_path / "log", tmp_path / f"copy{i}")
        with opened(OnFiles(tmp_path, 300), f"copy{i}") as log:
            assert [record.value for record in drain(log, _T)] == [b"%d" % n * 5 for n in range(40)]
            assert log.append(_T, [Outgoing(0, b"more")])[0].offset == 40


# ---- members -------------------------------------------------------------------------------------


def _process(root: Path, fault: KillAt | KillAtCall, record: Path | None) -> None:
    """In a process of its own: for each number the next one to two topics, until it is killed."""
    sync = {"fdatasync": RecordedSync(record), "fsync": RecordedSync(record)} if record else {}
    log = FileEventLog(root / "disk" / "log", segment_bytes=700, fault=fault, **sync)
    for name in (_T, "out", "other"):
        log.create(name, 1)
    member = log.join(_GROUP, [_T])
    assert member.assigned()
    acknowledged = os.open(root / "acknowledged-0", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(30):
        number = member.committed(_FIRST) or 0
        member.commit([(name, Outgoing(0, b"%d" % number)) for name in ("out", "other")], {_FIRST: number + 1})
        os.write(acknowledged, b"%d\n" % number)


def _check_commits(root: Path) -> int:
    """Both topics have the numbers up to the group's offset, and those that were acknowledged; gives the offset."""
    with opened(OnFiles(root / "disk"), "log") as log:
        for name in (_T, "out", "other"):
            log.create(name, 1)
        with joined(log, _GROUP, [_T]) as member:
            done = member.committed(_FIRST) or 0
            for name in ("out", "other"):
                assert [int(record.value) for record in drain(log, name)] == list(range(done))
    assert _acknowledged(root, 0) <= set(range(done))
    return done


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_member_leaves_whole_commits(seed: int, tmp_path: Path) -> None:
    chance, before = random.Random(seed), 0
    for _ in range(8):
        assert not run_forked(_process, tmp_path, KillAtCall(chance.randint(1, 60)), None)
        done = _check_commits(tmp_path)
        assert before <= done
        before = done
    assert before > 8


_COMMIT_POINTS = ("commit-begun", "commit-written", "commit-synced", "commit-applied", "commit-done")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("point", [*_COMMIT_POINTS, "begun", "written", "synced", "published"])
def test_power_is_cut_at_every_point_of_a_commit(point: str, seed: int, tmp_path: Path) -> None:
    record, disk = tmp_path / "record", tmp_path / "disk"
    disk.mkdir()
    assert not run_forked(_process, tmp_path, KillAt(point, passing=1 + 4 * seed), record)
    cut_power(disk, record, seed=seed)
    before = _check_commits(tmp_path)
    assert run_forked(_process, tmp_path, KillAt("never"), record)
    assert _check_commits(tmp_path) == before + 30
