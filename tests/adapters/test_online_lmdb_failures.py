"""What goes wrong under the embedded online store is said, and what was committed stays readable."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import lmdb
import pytest

from gapless.adapters.lmdb import LmdbStore
from gapless.errors import CorruptData, StorageError
from gapless.ports.online import Update
from tests.adapters.forked import run_forked

ROOT = Path(__file__).resolve().parent.parent.parent


def _commit(store: LmdbStore, key: bytes, value: bytes, position: int = 1) -> None:
    store.commit({key: Update(position, value)}, {})


def test_a_full_map_is_said_and_costs_nothing(tmp_path: Path):
    store = LmdbStore(tmp_path, map_bytes=2**20)
    _commit(store, b"a", b"small")
    with pytest.raises(StorageError, match="map of the online store is full"):
        _commit(store, b"b", bytes(2**21))
    assert store.read([b"a", b"b"]) == [b"small", None]
    _commit(store, b"b", b"small too")
    assert store.read([b"b"]) == [b"small too"]
    store.close()


def test_a_full_disk_is_said_and_costs_nothing(tmp_path: Path):
    assert run_forked(_fill_the_disk, tmp_path)
    store = LmdbStore(tmp_path)
    assert store.read([b"a", b"b", b"c"]) == [b"before", None, b"after"]
    store.close()


def _fill_the_disk(folder: Path) -> None:
    """In a process of its own, whose files may not grow beyond a limit."""
    store = LmdbStore(folder)
    _commit(store, b"a", b"before")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    with pytest.raises(StorageError, match="free some space"):
        _commit(store, b"b", bytes(1_000_000))
    assert store.read([b"a", b"b"]) == [b"before", None]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    _commit(store, b"c", b"after")


def test_a_file_in_the_way_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a file is in the way"):
        LmdbStore(tmp_path / "file").read([b"a"])
    with pytest.raises(StorageError, match="a file is in the way"):
        LmdbStore(tmp_path / "file" / "below").read([b"a"])


@pytest.mark.parametrize("content", [b"hello", b"\xa5" * 100_000], ids=["short", "long"])
def test_a_file_of_something_else_is_corrupt(content: bytes, tmp_path: Path):
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(CorruptData, match="gapless materialize"):
        LmdbStore(tmp_path).read([b"a"])


@pytest.mark.parametrize("foreign", [b"", b"\x02" + bytes(20), b"text of somebody"])
def test_a_value_of_another_layout_is_neither_read_nor_overwritten(foreign: bytes, tmp_path: Path):
    with lmdb.open(str(tmp_path)) as env, env.begin(write=True) as txn:
        txn.put(b"a", foreign)
    store = LmdbStore(tmp_path)
    with pytest.raises(CorruptData, match="another layout"):
        store.read([b"b", b"a"])
    with pytest.raises(CorruptData, match="another layout"):
        store.commit({b"a": Update(9, b"x"), b"b": Update(9, b"x")}, {b"o": Update(9, b"x")})
    assert store.read([b"b", b"o"]) == [None, None]
    store.close()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path):
    """The writer stands between its last update and its end until the reader has read."""
    reached, go_on = threading.Event(), threading.Event()

    def wait(point: str, key: str) -> None:
        if point == "ready":
            reached.set()
            go_on.wait(30)

    with_fault, plain = LmdbStore(tmp_path, fault=wait), LmdbStore(tmp_path)
    writer = threading.Thread(target=_commit, args=(with_fault, b"a", b"new"))
    writer.start()
    assert reached.wait(30)
    assert plain.read([b"a"]) == [None]
    go_on.set()
    writer.join()
    assert plain.read([b"a"]) == [b"new"]
    with_fault.close()
    plain.close()


def test_slots_of_killed_readers_are_freed_at_the_next_opening(tmp_path: Path):
    """While another process has it open, and so keeps the table of readers as it is."""
    stays = LmdbStore(tmp_path)
    stays.read([b"a"])
    for _ in range(3):
        assert not run_forked(_read_and_die, tmp_path)
    assert run_forked(_find_no_dead_reader, tmp_path)
    stays.close()


def _find_no_dead_reader(folder: Path) -> None:
    store = LmdbStore(folder)
    assert store._env().reader_check() == 0, "a slot of a dead process was left"
    store.close()


def _read_and_die(folder: Path) -> None:
    store = LmdbStore(folder)
    store.read([b"a"])
    os.kill(os.getpid(), signal.SIGKILL)


_FORKS = """
import os, sys
from gapless.adapters.lmdb import LmdbStore
from gapless.errors import StorageError
from gapless.ports.online import Update

def child(action):
    pid = os.fork()
    if pid == 0:
        os._exit(action())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def writes(store):
    store.commit({b"child": Update(1, b"1")}, {})
    return 0

def is_refused(store):
    try:
        store.read([b"a"])
    except StorageError as problem:
        store.close()
        return 0 if "before this process was forked" in str(problem) else 2
    return 1

store = LmdbStore(sys.argv[1])
assert child(lambda: writes(store)) == 0, "a store that was not used yet works after a fork"
assert store.read([b"child"]) == [b"1"]
assert child(lambda: is_refused(store)) == 0, "one that was used does not"
assert child(lambda: is_refused(LmdbStore(sys.argv[1]))) == 0, "nor does another of the same folder"
assert store.read([b"child"]) == [b"1"]
store.close()
assert child(lambda: writes(LmdbStore(sys.argv[1]))) == 0, "closed before the fork, it can be opened after it"
"""


def test_a_fork_opens_its_own(tmp_path: Path):
    out = subprocess.run([sys.executable, "-c", _FORKS, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert out.returncode == 0, out.stderr


def test_stores_of_one_folder_share_its_file_until_the_last_closes(tmp_path: Path):
    first, second = LmdbStore(tmp_path / "x"), LmdbStore(tmp_path / "y" / ".." / "x")
    _commit(first, b"a", b"1")
    assert second.read([b"a"]) == [b"1"]
    first.close()
    first.close()
    assert second.read([b"a"]) == [b"1"]
    second.close()
    with lmdb.open(str(tmp_path / "x")) as env:  # refused while it is open in this process
        assert env.info()["num_readers"] >= 0
