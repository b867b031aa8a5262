"""The folder of a log: names of segments, and who holds them.

    <folder>/sequence                     the number of the newest segment, so that no name comes twice
    <folder>/000000000042-<µs>.open       being written; its writer holds a flock on it for as long as it lives
    <folder>/000000000042-<µs>.sealed     finished

The system lets go of a flock when the process dies, however it dies: an `.open` file that can be locked has no writer.
Readers share a lock. Whoever removes a file does so under it, and a writer that has just made a file looks, once it has
the lock, whether the file is still there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.segments.durable import Sync, make_folder, sync_folder

__all__ = ["LogFolder", "OpenSegment"]

_NAME = re.compile(r"(\d{12})-\d+")


@dataclass
class OpenSegment:
    """A file that this process writes to.

    Parameters:
        size — its bytes on stable storage; entries — how many they hold.
        length — of the file: zeros lie behind `size`.
    """

    path: Path
    handle: int
    opened_us: int
    size: int = 0
    entries: int = 0
    length: int = 0


class LogFolder:
    """Makes, seals, lists and removes segments.

    Parameters:
        fsync — makes a file descriptor durable.
    """

    def __init__(self, path: Path, fsync: Sync) -> None:
        self.path = path
        self._fsync = fsync

    def create(self, now_us: int) -> OpenSegment:
        """A new file, locked by this process, whose name is durable."""
        make_folder(self.path, self._fsync)
        while True:
            path = self.path / f"{self._next_number():012d}-{now_us}.open"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if os.fstat(handle).st_nlink:
                    self.sync()
                    return OpenSegment(path, handle, now_us)
            except OSError:  # or a disk that is ill costs one open file for every look at it
                os.close(handle)
                raise
            os.close(handle)  # a reader took it for one that a dead writer left

    def seal(self, segment: OpenSegment) -> None:
        """Nobody writes to it any more. All of it must be on stable storage; an empty one goes away."""
        try:
            if segment.entries:
                self._cut(segment)
                segment.path.rename(segment.path.with_suffix(".sealed"))
            else:
                segment.path.unlink()
            self.sync()
        finally:
            os.close(segment.handle)

    def _cut(self, segment: OpenSegment) -> None:
        if segment.length > segment.size:
            os.ftruncate(segment.handle, segment.size)
            self._fsync(segment.handle)

    def names(self) -> list[str]:
        """Of every segment, held or not, oldest first."""
        try:
            found = {Path(name).stem for name in os.listdir(self.path) if name.endswith((".open", ".sealed"))}
        except FileNotFoundError:
            return []
        return sorted(name for name in found if _NAME.fullmatch(name))

    @contextmanager
    def unheld(self, name: str) -> Iterator[Path | None]:
        """The file of a segment, which no writer takes until the block ends; None where one holds it or it is gone."""
        for suffix in (".sealed", ".open", ".sealed"):  # it may be sealed between the first two looks
            with contextlib.suppress(FileNotFoundError):
                handle = os.open(self.path / (name + suffix), os.O_RDONLY)
                break
        else:
            yield None
            return
        try:
            yield self._path_if_unheld(handle, self.path / (name + suffix))
        finally:
            os.close(handle)

    def _path_if_unheld(self, handle: int, path: Path) -> Path | None:
        """None too where the file got its other name, or went, before the lock was had: it comes up again."""
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return path if path.exists() else None

    def sync(self) -> None:
        """The names in the folder are on stable storage."""
        sync_folder(self.path, self._fsync)

    def _next_number(self) -> int:
        """Greater than any before, also those of segments that were removed."""
        handle = os.open(self.path / "sequence", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            text = os.pread(handle, 32, 0).strip()
            written = int(text) if text.isdigit() else 0
            number = 1 + max([written, *(int(name.split("-")[0]) for name in self.names())])
            os.pwrite(handle, f"{number:020d}\n".encode(), 0)
            self._fsync(handle)
            return number
        finally:
            os.close(handle)
