"""The log on local files keeps every promise of the port; what it does on full disks, with damage, and with time."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.adapters.segments import BufferedLog, Rotation, SegmentLog, SegmentReader
from gapless.adapters.segments.blocks import MARK, blocks, encode, entries
from gapless.clock import SECOND
from gapless.errors import CorruptData, NotFound, StorageError
from gapless.ports.prediction_log import LogSegment, PredictionLog
from gapless.testing.prediction_log import PREDICTION_LOG_CHECKS
from tests.adapters.machine import FullDisk, StillClock

_BUFFERED = {"done_comes_from_another_thread", "closing_twice_is_closing"}


def _append(log: PredictionLog, *items: bytes) -> BaseException | None:
    told: list[BaseException | None] = []
    event = threading.Event()
    log.append(items, lambda problem: (told.append(problem), event.set())[0])
    assert event.wait(60)
    return told[0]


def _all(folder: Path) -> list[bytes]:
    reader = SegmentReader(folder)
    return [entry for segment in reader.sealed() for entry in reader.read(segment)]


@pytest.mark.parametrize("check", PREDICTION_LOG_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("rotation", [Rotation(), Rotation(max_bytes=1)], ids=["default", "tiny"])
def test_conformance(check, rotation: Rotation, tmp_path: Path) -> None:
    check(lambda name: (SegmentLog(tmp_path / name, rotation=rotation), SegmentReader(tmp_path / name)))


@pytest.mark.parametrize(
    "check", [c for c in PREDICTION_LOG_CHECKS if c.__name__ not in _BUFFERED], ids=lambda check: check.__name__
)
def test_buffered_conformance(check, tmp_path: Path) -> None:
    check(lambda name: (BufferedLog(SegmentLog(tmp_path / name), limit=10), SegmentReader(tmp_path / name)))


# ---- rotation and time ---------------------------------------------------------------------------


def test_a_full_segment_is_sealed_while_its_writer_lives(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, rotation=Rotation(max_bytes=100))
    for i in range(4):
        _append(log, b"%d" % i * 60)
    assert _all(tmp_path)[:2] == [b"0" * 60, b"1" * 60]
    log.close()
    assert _all(tmp_path) == [b"%d" % i * 60 for i in range(4)]


def test_an_old_segment_is_sealed_though_nothing_comes(tmp_path: Path) -> None:
    sealed = threading.Event()

    def fault(point: str, segment: str) -> None:
        if point == "sealed":
            sealed.set()

    log = SegmentLog(tmp_path, rotation=Rotation(max_age_us=2_000), fault=fault)
    _append(log, b"a")
    assert sealed.wait(60)
    assert _all(tmp_path) == [b"a"]
    log.close()


def test_a_clock_that_jumps_back_loses_nothing(tmp_path: Path) -> None:
    clock = StillClock(1_000_000_000)
    log = SegmentLog(tmp_path, clock=clock, rotation=Rotation(max_age_us=SECOND))
    for i, us in enumerate([10**9, 5, 5, 10**12, 0, 0]):
        clock.us = us
        _append(log, b"%d" % i)
    log.close()
    assert _all(tmp_path) == [b"%d" % i for i in range(6)]


def test_calls_that_come_while_the_disk_is_busy_share_a_sync(tmp_path: Path) -> None:
    busy, go, syncs = threading.Event(), threading.Event(), []

    def slow(handle: int) -> None:
        syncs.append(handle)
        busy.set()
        go.wait(60)

    log = SegmentLog(tmp_path, fdatasync=slow, ahead_bytes=0)
    told: list[BaseException | None] = []
    log.append([b"first"], told.append)
    assert busy.wait(60)
    for i in range(50):
        log.append([b"%d" % i], told.append)
    assert told == [], "nothing is acknowledged before it is on the disk"
    go.set()
    log.close()
    assert told == [None] * 51
    assert len(syncs) == 2


def test_crowded_calls_gather_before_a_sync_and_close_does_not_wait_for_more(tmp_path: Path) -> None:
    busy, go, syncs = threading.Event(), threading.Event(), []

    def slow(handle: int) -> None:
        syncs.append(handle)
        busy.set()
        go.wait(60)

    log = SegmentLog(tmp_path, fdatasync=slow, gather_us=3_600 * SECOND, ahead_bytes=0)
    told: list[BaseException | None] = []
    log.append([b"alone"], told.append)
    assert busy.wait(60), "a call that comes alone does not wait"
    log.append([b"a"], lambda problem: None)
    log.append([b"b"], lambda problem: busy.clear())
    go.set()
    while busy.is_set():
        threading.Event().wait(0.01)
    for i in range(50):
        log.append([b"%d" % i], told.append)
    log.close()
    assert len(syncs) == 3
    assert _all(tmp_path) == [b"alone", b"a", b"b", *(b"%d" % i for i in range(50))]


# ---- a disk that refuses -------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["taken", "opened", "written", "synced"])
def test_a_full_disk_is_said_and_the_log_goes_on_when_it_is_not(step: str, tmp_path: Path) -> None:
    disk = FullDisk(step)
    log = SegmentLog(tmp_path, fault=disk, rotation=Rotation(max_bytes=1))
    assert _append(log, b"a") is None
    disk.full = True
    problem = _append(log, b"lost")
    assert isinstance(problem, StorageError)
    assert "No space left" in str(problem)
    assert "free some space" in str(problem)
    assert log.problem is problem
    disk.full = False
    assert _append(log, b"b") is None
    assert log.problem is None
    log.close()
    assert _all(tmp_path) == [b"a", b"b"], "what was refused is not there"


def test_an_idle_log_finds_out_by_itself_that_the_disk_is_well_again(tmp_path: Path) -> None:
    disk, well = FullDisk("written"), threading.Event()

    def fault(point: str, segment: str) -> None:
        disk(point, segment)
        if point == "synced":
            well.set()

    log = SegmentLog(tmp_path, fault=fault)
    disk.full = True
    assert isinstance(_append(log, b"lost"), StorageError)
    disk.full = False
    assert well.wait(60)
    log.close()
    assert log.problem is None
    assert _all(tmp_path) == []
    assert not list(tmp_path.glob("*.*")), "nothing is left of the attempts"


def test_a_disk_that_is_ill_costs_no_open_files(tmp_path: Path) -> None:
    ill = True

    def fsync(handle: int) -> None:
        if ill and os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(handle)

    log = SegmentLog(tmp_path, fsync=fsync)
    for _ in range(5):
        assert isinstance(_append(log, b"lost"), StorageError)
    assert not [name for name in map(_target, os.listdir("/proc/self/fd")) if name.startswith(str(tmp_path))]
    ill = False
    assert _append(log, b"a") is None
    log.close()
    assert _all(tmp_path) == [b"a"]


def _target(handle: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{handle}")
    except FileNotFoundError:  # of the listing itself
        return ""


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limits how long a file may get: the disk that is full at a known byte."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("ahead", [0, 400])
def test_a_write_that_ends_in_the_middle_is_taken_back(
    ahead: int, tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    log = SegmentLog(tmp_path, ahead_bytes=ahead)
    assert _append(log, b"a" * 1000) is None
    small_files(1500)
    problem = _append(log, b"b" * 1000)
    assert isinstance(problem, StorageError)
    assert "ulimit -f" in str(problem)
    small_files(100_000)
    assert _append(log, b"c" * 1000) is None
    log.close()
    assert _all(tmp_path) == [b"a" * 1000, b"c" * 1000]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = SegmentLog(tmp_path / "file" / "log")
    problem = _append(log, b"a")
    log.close()
    assert isinstance(problem, StorageError)
    assert "a file is in the way" in str(problem)


def test_a_segment_that_cannot_be_renamed_is_read_all_the_same(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    assert _append(log, b"a") is None
    (name,) = [path.stem for path in tmp_path.glob("*.open")]
    (tmp_path / f"{name}.sealed").mkdir()
    log.close()
    assert isinstance(log.problem, StorageError)
    (tmp_path / f"{name}.sealed").rmdir()
    assert _all(tmp_path) == [b"a"]


# ---- damage --------------------------------------------------------------------------------------


def _sealed(folder: Path, *calls: bytes) -> Path:
    log = SegmentLog(folder)
    for call in calls:
        _append(log, call)
    log.close()
    return next(folder.glob("*.sealed"))


@pytest.mark.parametrize("place", [3, 9, 30, 60])
def test_a_changed_byte_is_damage_and_said_with_its_place(place: int, tmp_path: Path) -> None:
    path = _sealed(tmp_path, b"a" * 20, b"b" * 20)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    reader = SegmentReader(tmp_path)
    (segment,) = reader.sealed()
    with pytest.raises(CorruptData, match=r"checksum does not fit[\s\S]*backup"):
        list(reader.read(segment))
    assert path.exists()


def test_a_sealed_segment_that_is_cut_is_damage(tmp_path: Path) -> None:
    path = _sealed(tmp_path, b"a" * 20, b"b" * 20)
    os.truncate(path, path.stat().st_size - 1)
    reader = SegmentReader(tmp_path)
    with pytest.raises(CorruptData):
        list(reader.read(reader.sealed()[0]))


def test_damage_before_the_torn_end_of_a_killed_writers_segment_is_not_a_torn_end(tmp_path: Path) -> None:
    path = _sealed(tmp_path, b"a" * 20, b"b" * 20, b"c" * 20)
    path = path.rename(path.with_suffix(".open"))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert _all(tmp_path) == [b"a" * 20, b"b" * 20, b"c" * 20][: sum(b.end <= cut for b in blocks(whole))]
    path.write_bytes(whole[:40] + b"?" + whole[41:])
    reader = SegmentReader(tmp_path)
    with pytest.raises(CorruptData):
        list(reader.read(reader.sealed()[0]))


@given(st.data())
def test_a_block_of_which_some_sectors_were_written_is_a_torn_end(data: st.DataObject) -> None:
    """A disk writes the sectors of one sync in any order, into zeros that lie there already."""
    before = MARK + encode([b"a" * 700], len(MARK))
    before += encode([b"b" * 300], len(before))
    last = encode([b"c" * 2_000], len(before))
    whole = before + last + bytes(4_096)
    sectors = [i for i in range(len(before), len(before + last)) if i % 512 == 0]
    lost = data.draw(st.sets(st.sampled_from(sectors), min_size=1))
    torn = bytearray(whole)
    for sector in lost:
        torn[sector : sector + 512] = bytes(512)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "000000000001-1.open").write_bytes(torn)
        assert _all(Path(folder)) == [b"a" * 700, b"b" * 300]


def test_an_entry_that_looks_like_a_block_is_none(tmp_path: Path) -> None:
    """A client chooses what its requests hold."""
    inner = encode([b"forged"], 500)
    data = MARK + encode([b"a"], len(MARK))
    torn = encode([inner * 20], len(data))[:-1]
    (tmp_path / "000000000001-1.open").write_bytes(data + torn)
    assert _all(tmp_path) == [b"a"]


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.sealed").write_text("mine")
    _sealed(tmp_path, b"a")
    assert _all(tmp_path) == [b"a"]
    assert (tmp_path / "notes.sealed").read_text() == "mine"


def test_a_segment_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such segment"):
        list(SegmentReader(tmp_path).read(LogSegment("000000000009-1", 1, 1)))


@given(st.lists(st.lists(st.binary(max_size=40), max_size=5), max_size=6))
def test_blocks_hold_what_was_put_in(calls: list[list[bytes]]) -> None:
    data = MARK
    for call in calls:
        data += encode(call, len(data))
    assert [list(entries(data, block)) for block in blocks(data)] == calls


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert list(blocks(MARK + data)) == []


# ---- other processes -----------------------------------------------------------------------------

_WRITER = """
import sys, threading
from gapless.adapters.segments import SegmentLog
log, told = SegmentLog(sys.argv[1]), threading.Event()
log.append([b"a", b"b"], lambda problem: told.set())
told.wait()
print("acknowledged", flush=True)
sys.stdin.read()
"""


def test_a_living_process_holds_its_segment_and_a_killed_one_does_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "acknowledged\n"
        reader = SegmentReader(tmp_path)
        assert reader.sealed() == []
        (name,) = [path.stem for path in tmp_path.glob("*.open")]
        reader.remove(LogSegment(name, 2, 0))
        assert len(list(tmp_path.glob("*.open"))) == 1, "what a living writer holds is not removed"
        process.kill()
        process.wait()
        assert _all(tmp_path) == [b"a", b"b"]


# ---- acknowledged at once ------------------------------------------------------------------------


class _Held:
    """A log whose disk waits until it is told."""

    problem = None

    def __init__(self) -> None:
        self.waiting: list[Callable[[BaseException | None], None]] = []

    def append(self, entries, done) -> None:
        self.waiting.append(done)

    def close(self) -> None:
        while self.waiting:
            self.waiting.pop(0)(None)


def test_a_buffered_log_says_that_the_disk_refuses_and_that_it_is_well_again(tmp_path: Path) -> None:
    disk, well = FullDisk("written"), threading.Event()

    def fault(point: str, segment: str) -> None:
        disk(point, segment)
        if point == "told" and not disk.full:
            well.set()

    log = BufferedLog(SegmentLog(tmp_path, fault=fault), limit=1)
    disk.full = True
    assert _append(log, b"lost") is None
    assert isinstance(_append(log, b"a", b"b"), StorageError), "more than the bound waits for the disk"
    assert isinstance(log.problem, StorageError)
    disk.full = False
    assert well.wait(60)
    assert log.problem is None
    log.close()


def test_a_buffered_log_acknowledges_up_to_its_limit_and_counts() -> None:
    below, told = _Held(), []
    log = BufferedLog(below, limit=3)
    log.append([b"a", b"b"], told.append)
    assert (told, log.at_risk) == ([None], 2)
    log.append([b"c", b"d"], told.append)
    assert (told, log.at_risk) == ([None], 2), "what does not fit waits for the disk"
    below.waiting.pop()(None)
    assert told == [None, None]
    log.append([b"e"], told.append)
    below.waiting.pop(0)(StorageError("full"))
    assert (told, log.at_risk, log.lost) == ([None] * 3, 1, 2)
    log.close()
    assert (log.at_risk, log.lost) == (0, 2)
