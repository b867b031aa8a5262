"""What LMDB and the disk under it refuse, said so that the operator knows what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import lmdb

from gapless.errors import CorruptData, GaplessError, InputError, StorageError, Transient

__all__ = ["LAYOUT_STEP", "failed", "forked", "unknown_layout"]

LAYOUT_STEP = "remove the folder and fill it again: gapless materialize"

_FREE = "free some space, or raise the limit on file size; nothing of this commit was kept, so run it again"
_NEXT_STEPS: Mapping[int, str] = {
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EFBIG: _FREE,
    errno.EIO: f"look at the disk and the limit on file size (ulimit -f); {_FREE}",
    errno.EACCES: "give this user the right to read and write there; readers too write, into lock.mdb",
    errno.EPERM: "give this user the right to read and write there; readers too write, into lock.mdb",
    errno.EROFS: "put the store on a file system that can be written; readers too write, into lock.mdb",
    errno.ENOTDIR: "name a folder; a file is in the way",
    errno.EEXIST: "name a folder; a file is in the way",
    errno.ENOMEM: "raise the limit on address space (ulimit -v): the map takes addresses, not memory",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.EAGAIN: "somebody holds the lock file in another way; see that nobody copies or backs up lock.mdb",
}
_DAMAGED = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.PageNotFoundError)


def failed(problem: Exception, folder: Path, doing: str) -> GaplessError:
    """The error to raise instead of LMDB's own."""
    what, seen, where = f"could not {doing}", str(problem), str(folder)
    if isinstance(problem, _DAMAGED):
        return CorruptData(what, seen=seen, where=where, next_step=LAYOUT_STEP)
    if isinstance(problem, lmdb.MapFullError):
        step = "open it with more map_bytes in every process, or remove what is not needed"
        return StorageError("the map of the online store is full", seen=seen, where=where, next_step=step)
    if isinstance(problem, lmdb.MapResizedError):
        step = "another process opened it with more map_bytes; open it with the same everywhere"
        return StorageError(what, seen=seen, where=where, next_step=step)
    if isinstance(problem, lmdb.ReadersFullError):
        step = "it passes when others end; 2,048 readers at once are the limit"
        return Transient("too many readers of the online store", seen=seen, where=where, next_step=step)
    if isinstance(problem, lmdb.BadValsizeError):
        return InputError(what, seen=seen, where=where, allowed="keys of 1 to 400 bytes")
    step = _NEXT_STEPS.get(_code(problem), "look at the disk and the folder, then run it again")
    return StorageError(what, seen=seen, where=where, next_step=step)


def _code(problem: Exception) -> int:
    if isinstance(problem, MemoryError):
        return errno.ENOMEM
    if isinstance(problem, OSError):
        return problem.errno or 0
    return problem.code if isinstance(problem, lmdb.Error) else 0


def unknown_layout(key: bytes, value: bytes, folder: Path) -> CorruptData:
    """A value that was not written by this layout."""
    return CorruptData(
        "a value in the online store has another layout",
        seen=f"{key!r}: first bytes {value[:9]!r}",
        where=str(folder),
        next_step=LAYOUT_STEP,
    )


def forked(folder: Path) -> StorageError:
    """LMDB's locks do not survive a fork, and a second opening in one process breaks those of the first."""
    return StorageError(
        "the online store was opened before this process was forked",
        seen=f"process {os.getpid()}",
        where=str(folder),
        next_step="open it after the fork, close it before, or start processes by spawning them",
    )
