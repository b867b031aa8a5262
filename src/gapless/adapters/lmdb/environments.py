"""One LMDB environment for each folder in a process, however many stores look at it.

Opening the same files twice in one process would lose the locks of the first opening: they belong to the process. So
stores of one folder share an environment, and the last one closes it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import lmdb

from gapless.adapters.lmdb.failures import failed, forked

__all__ = ["Shared", "acquire", "release"]

_MAX_READERS = 2048
_SPARE_TXNS = 64
"""Read transactions kept for the next read, each with its slot in the reader table: as many as threads at once."""


@dataclass
class Shared:
    """An open environment and how many stores use it."""

    env: lmdb.Environment
    path: Path
    pid: int
    users: int = 0


_open: dict[Path, Shared] = {}
_lock = threading.Lock()


def acquire(folder: Path, map_bytes: int) -> Shared:
    """The environment of a folder, open in this process; the folder is made where it is not there.

    Raises: StorageError, CorruptData.
    """
    path = folder.resolve()
    with _lock:
        shared = _open.get(path)
        if shared is None:
            shared = _open[path] = Shared(_opened(path, map_bytes), path, os.getpid())
        if shared.pid != os.getpid():
            raise forked(path)
        shared.users += 1
    return shared


def release(shared: Shared) -> None:
    """One user less; nothing in a process that got it by a fork: closing it there would end its parent's reads."""
    with _lock:
        if shared.pid != os.getpid():
            return
        shared.users -= 1
        if shared.users == 0:
            del _open[shared.path]
            shared.env.close()


def _opened(path: Path, map_bytes: int) -> lmdb.Environment:
    try:
        path.mkdir(parents=True, exist_ok=True)
        env = lmdb.open(str(path), map_size=map_bytes, max_readers=_MAX_READERS, max_spare_txns=_SPARE_TXNS, mode=0o660)
        env.reader_check()  # slots of readers that were killed
    except (lmdb.Error, OSError, MemoryError) as problem:
        raise failed(problem, path, "open the online store") from problem
    return env


def _after_fork() -> None:
    """A thread that held the lock is not in the child."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
