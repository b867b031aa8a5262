"""What went wrong below, said so that the operator knows what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from gapless.errors import StorageError

__all__ = ["storage_error"]

_FULL = "free some space: the log goes on by itself"
_NEXT_STEPS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "raise the limit on file size (ulimit -f)",
    errno.EACCES: "give this user the right to read and write there",
    errno.EPERM: "give this user the right to read and write there",
    errno.EROFS: "put the log on a file system that can be written",
    errno.ENOTDIR: "name a folder; a file is in the way",
    errno.EEXIST: "name a folder; a file is in the way",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


def storage_error(problem: OSError, path: Path, doing: str) -> StorageError:
    """A StorageError that names the path, the system's own words and the next step."""
    step = _NEXT_STEPS.get(problem.errno or 0, "look at the disk and the folder")
    return StorageError(f"could not {doing}", where=str(path), seen=str(problem), next_step=step)
