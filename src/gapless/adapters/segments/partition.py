"""One partition of a topic: appends of many threads and processes, reads, trims.

    threads ─► queue ─► one leads: all that wait ─ lock ─ repair ─ write ─ fdatasync ─ publish ─► each

A crash after any step leaves what was acknowledged. Of the rest it leaves the first frames, whole, which the next
appender takes in, and a torn one, which it cuts off; readers see neither before that.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gapless.adapters.segments.batches import NO_COMMIT
from gapless.adapters.segments.call_queue import CallQueue
from gapless.adapters.segments.calls import Call, encoded
from gapless.adapters.segments.cells import Cell
from gapless.adapters.segments.disk import Disk, saying
from gapless.adapters.segments.durable import sync_folder, write_all
from gapless.adapters.segments.head import Head
from gapless.adapters.segments.partition_reader import PartitionReader
from gapless.adapters.segments.repair import damaged, is_as_told, repaired
from gapless.adapters.segments.segment_files import bases_in, segment_path
from gapless.errors import GaplessError, InputError, NotFound, StorageError
from gapless.ports.events import MAX_OFFSET, LogRecord, Outgoing, Span

__all__ = ["Partition"]

_LOOKS = 10


class Partition:
    """Parameters:
    folder — made with the first append.
    seed — the file's own, for checksums; name — for `disk.fault`.
    """

    def __init__(self, folder: Path, number: int, *, seed: int, name: str, disk: Disk) -> None:
        self._folder, self._number, self._seed, self._name, self._disk = folder, number, seed, name, disk
        self._head = Head(folder, disk)
        self._reader = PartitionReader(folder, number, seed)
        self._queue, self._turn = CallQueue(self._write), threading.Lock()
        self._opened = self._repaired = False
        self._file: tuple[int, int] | None = None

    def span(self) -> Span:
        """What readers may see now."""
        with saying(self._folder, "read a partition of the event log"):
            cell = self._cell()
        return Span(cell.start, cell.end)

    def read(self, offset: int, max_bytes: int) -> list[LogRecord]:
        """See EventLog.read; ends with a file, so that there may be more."""
        with saying(self._folder, "read a partition of the event log"):
            for _ in range(_LOOKS):
                cell = self._cell()
                if offset < cell.start:
                    raise self._gone(offset, cell)
                if offset >= cell.end:
                    return []
                with contextlib.suppress(FileNotFoundError):  # trimmed since the cell was read
                    return self._reader.read(cell, offset, max_bytes)
        raise damaged(self._folder, 0, f"no file with offset {offset}")

    def append(self, records: Sequence[Outgoing], commit: bytes = NO_COMMIT) -> int:
        """The records are there, durably; gives the offset of the first. Those of a commit are all there, or none."""
        call = Call(records, commit)
        self._queue.put(call)
        if call.problem is not None:
            raise call.problem
        return call.first

    def append_once(self, records: Sequence[Outgoing], commit: bytes, *, since: int) -> int:
        """As `append`, where the commit's records are not there yet, among those with offset `since` or later."""
        with self._turn, saying(self._folder, "read a partition of the event log"), self._locked():
            found = self._reader.commit_of(self._repair(), since, commit)
        return self.append(records, commit) if found is None else found.base

    def trim(self, before: int) -> None:
        """Files that hold only records with a smaller offset are gone, but for the one that is written to."""
        with self._turn, saying(self._folder, "trim a partition of the event log"):
            if not bases_in(self._folder):
                return
            with self._locked():
                cell = self._repair()
                bases = [base for base in bases_in(self._folder) if base <= cell.segment]
                start = max([base for base in bases if base <= before], default=cell.start)
                if start > cell.start:
                    self._head.publish(replace(cell, start=start))
                    self._head.sync()
                    self._disk.fault("trimming", self._name)
                self._remove([base for base in bases if base < max(start, cell.start)])

    def close(self) -> None:
        """Files are let go of."""
        with self._turn:
            self._close_file()
            self._head.close()

    # ---- looking ---------------------------------------------------------------------------------

    def _cell(self) -> Cell:
        if not self._opened and not self._open():
            return Cell()
        cell = self._head.cell()
        if cell is None:
            with self._turn, self._locked():  # whoever makes it is at it, or was killed
                cell = self._repair()
        return cell

    def _open(self) -> bool:
        """Whether there is something to be read; what a power cut left behind the head is taken in."""
        with self._turn:
            if not self._opened:
                self._opened = self._head.open()
                if not self._opened and bases_in(self._folder):
                    self._head.make()
                    self._opened = True
                if self._opened and self._head.writable:
                    with self._head.locked_if_free() as had:  # who has it has repaired, or is at it
                        if had:
                            self._repair()
            return self._opened

    def _gone(self, offset: int, cell: Cell) -> NotFound:
        return NotFound(
            "the event log does not hold this record any more",
            seen=f"offset {offset}",
            allowed=f"{cell.start} to {cell.end}",
            next_step="begin at the start of the partition, or bring back what was trimmed",
            where=str(self._folder),
        )

    # ---- writing ---------------------------------------------------------------------------------

    def _write(self, calls: Sequence[Call]) -> None:
        """Each of the calls is done, or has its problem."""
        problem: Exception = StorageError("an append was interrupted", where=str(self._folder))
        try:
            with self._turn, saying(self._folder, "append to the event log"), self._locked():
                self._write_all(calls)
        except GaplessError as refused:
            problem = refused
        finally:
            for call in calls:
                call.end(problem)

    def _write_all(self, calls: Sequence[Call]) -> None:
        cell = self._room(self._repair())
        data, after = encoded(calls, cell, max(self._disk.clock.now_us(), cell.last_us), self._seed)
        if after.end > MAX_OFFSET + 1:
            raise InputError("a partition is full", seen=after.end, allowed=f"{MAX_OFFSET + 1} records")
        handle = self._opened_file(cell)
        try:
            self._disk.fault("begun", self._name)
            write_all(handle, data, cell.size)
            self._disk.fault("written", self._name)
            self._disk.fdatasync(handle)
            self._disk.fault("synced", self._name)
            self._head.publish(after)
        except OSError:
            with contextlib.suppress(OSError):  # the next append tries again
                os.ftruncate(handle, cell.size)
            raise
        for call in calls:
            call.succeed()
        self._disk.fault("published", self._name)

    def _room(self, cell: Cell) -> Cell:
        """The cell, of a new file where the last is full. It is durable: a scan after a power cut is of one file."""
        if cell.size < self._disk.segment_bytes:
            return cell
        self._close_file()
        after = self._head.publish(replace(cell, segment=cell.end, size=0))
        self._head.sync()
        self._disk.fault("rotated", self._name)
        return after

    def _opened_file(self, cell: Cell) -> int:
        """The file that is written to; its name is durable before the first bytes of it are."""
        if self._file is None or self._file[0] != cell.segment:
            self._close_file()
            path = segment_path(self._folder, cell.segment)
            self._file = cell.segment, os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not cell.size:
            sync_folder(self._folder, self._disk.fsync)
        return self._file[1]

    def _close_file(self) -> None:
        if self._file is not None:
            handle, self._file = self._file[1], None
            os.close(handle)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._opened and not self._head.open():
            self._head.make()
        self._opened = True
        with self._head.locked():
            yield

    def _repair(self) -> Cell:
        """The newest cell, with whatever killed writers left. Under the lock; all of it is looked at the first time."""
        cell = self._head.cell()
        if cell is not None and self._repaired and is_as_told(self._folder, cell):
            return cell
        after = repaired(self._folder, cell, self._seed, self._disk)
        if cell is None:
            after = self._head.publish_first(after)
        elif after != cell:
            after = self._head.publish(after)
        self._repaired = True
        return after

    def _remove(self, bases: Sequence[int]) -> None:
        for base in bases:
            segment_path(self._folder, base).unlink(missing_ok=True)
            self._disk.fault("trimmed", self._name)
        if bases:
            sync_folder(self._folder, self._disk.fsync)
