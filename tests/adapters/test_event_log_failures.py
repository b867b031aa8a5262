"""What goes wrong under the embedded event log is said, and what was acknowledged stays readable."""

from __future__ import annotations

import errno
import os
import resource
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gapless.adapters.segments import FileEventLog
from gapless.errors import StorageError
from gapless.ports.events import Outgoing
from gapless.testing.events_factory import joined
from tests.adapters.events import FIRST, TOPIC, append, open_log, segments, values
from tests.adapters.forked import run_forked
from tests.adapters.machine import FullDisk

# ---- a disk that refuses -------------------------------------------------------------------------


@pytest.mark.parametrize("segment_bytes", [1, 1 << 20])
@pytest.mark.parametrize("step", ["begun", "written", "synced"])
def test_a_full_disk_is_said_and_the_log_goes_on_when_it_is_not(step: str, segment_bytes: int, tmp_path: Path) -> None:
    disk = FullDisk(step)
    log, reader = open_log(tmp_path, fault=disk, segment_bytes=segment_bytes), FileEventLog(tmp_path)
    append(log, b"a")
    disk.full = True
    for _ in range(3):
        with pytest.raises(StorageError, match=r"No space left[\s\S]*free some space"):
            append(log, b"lost")
        assert values(reader) == [b"a"]
    disk.full = False
    append(log, b"b")
    assert values(log) == values(reader) == [b"a", b"b"]
    log.close()
    assert values(FileEventLog(tmp_path)) == [b"a", b"b"], "what was refused is not there"


def test_a_sync_that_fails_takes_the_write_back(tmp_path: Path) -> None:
    ill = False

    def fdatasync(handle: int) -> None:
        if ill:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(handle)

    log = open_log(tmp_path, fdatasync=fdatasync)
    append(log, b"a")
    ill = True
    with pytest.raises(StorageError, match="look at the disk"):
        append(log, b"lost", b"lost")
    ill = False
    assert values(log) == [b"a"]
    append(log, b"b")
    assert values(log) == values(FileEventLog(tmp_path)) == [b"a", b"b"]


def test_one_of_many_that_wait_is_no_worse_off_than_another(tmp_path: Path) -> None:
    """A sync that fails is everybody's problem, and nobody waits for ever."""
    disk, problems = FullDisk("synced"), []
    log = open_log(tmp_path, fault=disk)
    disk.full = True

    def refused(value: bytes) -> None:
        with pytest.raises(StorageError) as caught:
            append(log, value)
        problems.append(caught.value)

    threads = [threading.Thread(target=refused, args=(b"%d" % i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(problems) == 8
    assert values(log) == []


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limits how long a file may get: the disk that is full at a known byte."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_ends_in_the_middle_is_taken_back(tmp_path: Path, small_files: Callable[[int], None]) -> None:
    log, reader = open_log(tmp_path), FileEventLog(tmp_path)
    append(log, b"a" * 1000)
    small_files(1500)
    with pytest.raises(StorageError, match="ulimit -f"):
        append(log, b"b" * 1000)
    assert segments(tmp_path)[0].stat().st_size < 1500
    small_files(100_000)
    append(log, b"c" * 1000)
    assert values(log) == values(reader) == [b"a" * 1000, b"c" * 1000]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="a file is in the way"):
        FileEventLog(tmp_path / "file" / "log").create(TOPIC, 1)


def test_a_folder_that_cannot_be_written_is_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to other users
        folder = Path(name)
        log = open_log(folder / "log")
        append(log, b"a")
        with joined(log, "group", [TOPIC]) as member:
            member.commit([], {FIRST: 1})
        log.close()
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert run_forked(_read_only, folder / "log")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)


def _read_only(folder: Path) -> None:
    """In a process of its own, of a user who may read."""
    if os.getuid() == 0:
        os.setuid(65534)
    log = FileEventLog(folder)
    assert values(log) == [b"a"]
    right = "give this user the right"
    with pytest.raises(StorageError, match=right):
        append(log, b"b")
    with pytest.raises(StorageError, match=right):
        log.create("other", 1)
    member = log.join("group", [TOPIC])
    with pytest.raises(StorageError, match=right):
        member.assigned()
    assert member.committed(FIRST) == 1


# ---- commits on a disk that refuses --------------------------------------------------------------


@pytest.mark.parametrize("step", ["commit-begun", "commit-written"])
def test_a_commit_that_could_not_be_made_has_done_nothing(step: str, tmp_path: Path) -> None:
    disk = FullDisk(step)
    log = open_log(tmp_path, fault=disk)
    log.create("out", 2)
    with joined(log, "group", [TOPIC]) as member:
        member.commit([], {FIRST: 1})
        disk.full = True
        with pytest.raises(StorageError, match="free some space"):
            member.commit([("out", Outgoing(0, b"no"))], {FIRST: 2})
        disk.full = False
        assert member.assigned()
        assert (member.committed(FIRST), values(log, "out")) == (1, [])
        member.commit([("out", Outgoing(0, b"yes"))], {FIRST: 2})
        assert (member.committed(FIRST), values(log, "out")) == (2, [b"yes"])


@pytest.mark.parametrize("step", ["commit-synced", "begun", "written", "synced", "commit-applied"])
def test_a_commit_that_was_made_is_finished_once_the_disk_is_well(step: str, tmp_path: Path) -> None:
    disk = FullDisk(step)
    log = open_log(tmp_path, fault=disk)
    log.create("out", 1)
    log.create("other", 1)
    with joined(log, "group", [TOPIC]) as member:
        member.commit([], {FIRST: 1})
        disk.full = True
        with pytest.raises(StorageError):
            member.commit([("out", Outgoing(0, b"a")), ("other", Outgoing(0, b"b"))], {FIRST: 2})
        if step != "commit-synced":  # that point is not passed again
            with pytest.raises(StorageError):
                member.assigned()
        disk.full = False
        assert member.assigned()
        assert (member.committed(FIRST), values(log, "out"), values(log, "other")) == (2, [b"a"], [b"b"])
    with joined(log, "group", [TOPIC]) as member:
        assert (member.committed(FIRST), values(log, "out"), values(log, "other")) == (2, [b"a"], [b"b"])


def test_others_append_between_a_crash_and_the_finish(tmp_path: Path) -> None:
    """What the commit appends then lies behind; what it had appended is found among theirs."""
    disk = FullDisk("commit-applied")
    log = open_log(tmp_path, fault=disk, segment_bytes=50)
    log.create("out", 1)
    member = log.join("group", [TOPIC])
    assert member.assigned()
    disk.full = True
    with pytest.raises(StorageError):
        member.commit([("out", Outgoing(0, b"a"))], {FIRST: 2})
    for i in range(20):
        log.append("out", [Outgoing(0, b"%d" % i)])
    disk.full = False
    assert member.committed(FIRST) == 2
    assert values(log, "out") == [b"a", *(b"%d" % i for i in range(20))]


def test_the_file_of_a_group_stays_small(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.create("out", 1)
    with joined(log, "group", [TOPIC]) as member:
        for i in range(60):
            member.commit([("out", Outgoing(0, bytes(900_000)))], {FIRST: i})
        assert member.committed(FIRST) == 59
        assert (tmp_path / "groups" / "group" / "commits").stat().st_size < 20_000_000
    with joined(log, "group", [TOPIC]) as member:
        assert member.committed(FIRST) == 59
        assert (tmp_path / "groups" / "group" / "commits").stat().st_size < 200
    assert len(values(log, "out")) == 60
