"""What went wrong below, said so that the operator knows what to do."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from gapless.errors import CorruptData, GaplessError, StorageError

__all__ = ["storage_error", "unreadable"]

_NEXT_STEPS = {
    errno.ENOSPC: "free some space and run it again; nothing was half written",
    errno.EDQUOT: "free some space and run it again; nothing was half written",
    errno.EFBIG: "raise the limit on file size (ulimit -f) and run it again; nothing was half written",
    errno.EACCES: "give this user the right to read and write there",
    errno.EPERM: "give this user the right to read and write there",
    errno.EROFS: "put the store on a file system that can be written",
    errno.ENOTDIR: "name a folder; a file is in the way",
    errno.EEXIST: "name a folder; a file is in the way",
    errno.EMFILE: "raise the limit on open files (ulimit -n) and run it again",
}
_OS_ERROR = re.compile(r"code: (\d+)|os error (\d+)")


def storage_error(problem: Exception, path: Path, doing: str) -> GaplessError:
    """A StorageError that names the path, the system's own words and the next step."""
    text = str(problem).split("\n   0:")[0].strip()
    code = problem.errno if isinstance(problem, OSError) else None
    if code is None and (found := _OS_ERROR.search(text)):
        code = int(found[1] or found[2])
    step = _NEXT_STEPS.get(code or 0, "look at the disk and the folder, then run it again")
    return StorageError(f"could not {doing}", where=str(path), seen=text, next_step=step)


def unreadable(problem: Exception, path: Path) -> GaplessError:
    """CorruptData for bytes that were committed and cannot be read back; StorageError where the system refused."""
    if isinstance(problem, PermissionError):
        return storage_error(problem, path, "read a file of the table")
    if isinstance(problem, FileNotFoundError):
        seen, step = "no such file", "bring the file back from a backup, or read an older version"
    else:
        seen, step = str(problem), "bring the file back from a backup; its bytes changed after they were committed"
    return CorruptData("a file of the table cannot be read", where=str(path), seen=seen, next_step=step)
