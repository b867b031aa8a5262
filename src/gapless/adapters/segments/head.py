"""The head file of a partition: its lock, and the cell that says how far readers may go.

A reader must never see a record that a crash can take back, and a reader in another process cannot know what was
synced. So the writer tells it: the cell is written after the fdatasync of the records that it lets readers see. It is
not synced itself. After a power cut it may be an older one, never one that is ahead of the records: whoever opens the
partition first goes on from it through the frames that lie behind (`repair`), and every process of that machine is one
that opened the partition after the power cut.

A look at the cell is one `pread` of 128 bytes, and a comparison where nothing is new: polling costs a microsecond.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gapless.adapters.segments.cells import HEAD_FILE_BYTES, Cell, both_whole, cell_bytes, newest
from gapless.adapters.segments.disk import Disk
from gapless.adapters.segments.durable import make_folder, sync_folder, write_all

__all__ = ["Head"]

_CANNOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)


class Head:
    """The head of the partition in a folder; `open` comes first."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder, self._disk = folder, disk
        self._path = folder / "head"
        self._handle = -1
        self._seen: tuple[bytes, Cell | None] = (b"", None)
        self.writable = False

    def open(self) -> bool:
        """Whether there is a head; False where nothing was ever appended."""
        try:
            self._handle, self.writable = os.open(self._path, os.O_RDWR), True
        except FileNotFoundError:
            return False
        except OSError as problem:
            if problem.errno not in _CANNOT_WRITE:
                raise
            self._handle = os.open(self._path, os.O_RDONLY)
        return True

    def make(self) -> None:
        """There is a head, and its name is durable; it may be empty."""
        make_folder(self._folder, self._disk.fsync)
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        self.writable = True
        sync_folder(self._folder, self._disk.fsync)

    def cell(self) -> Cell | None:
        """The newest cell; None where the file holds none. A slot that is being written is looked at again."""
        data = os.pread(self._handle, HEAD_FILE_BYTES, 0)
        if data == self._seen[0]:
            return self._seen[1]
        while not both_whole(data) and (again := os.pread(self._handle, HEAD_FILE_BYTES, 0)) != data:
            data = again
        self._seen = data, newest(data)
        return self._seen[1]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes to the partition: no other process, no other log. Threads of one log take turns before."""
        if not self.writable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self._path))
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    @contextmanager
    def locked_if_free(self) -> Iterator[bool]:
        """As `locked`, where nobody has the lock; gives whether it was had."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def publish(self, cell: Cell) -> Cell:
        """Readers may go as far as this, which is durable. Under the lock. Gives the cell as it was written."""
        written = replace(cell, sequence=cell.sequence + 1)
        write_all(self._handle, *cell_bytes(written))
        return written

    def publish_first(self, cell: Cell) -> Cell:
        """Both slots are written, durably."""
        written = self.publish(self.publish(cell))
        self.sync()
        return written

    def sync(self) -> None:
        """The cell is on stable storage."""
        self._disk.fsync(self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
