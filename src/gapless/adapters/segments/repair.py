"""What lies behind the end that the head of a partition knows of: taken in where it is whole, cut off where it is torn.

head: end ──┐
… │ frame │ │ frame │ frame │ torn       frames: of a writer that was killed, or whose head a power cut took back
            └─ taken in ───┘  cut off
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from gapless.adapters.segments.batches import BATCH_BYTES, batch_at
from gapless.adapters.segments.cells import Cell
from gapless.adapters.segments.disk import Disk
from gapless.adapters.segments.durable import write_all
from gapless.adapters.segments.frames import is_damage, whole_frames
from gapless.adapters.segments.segment_files import bases_in, segment_path
from gapless.errors import CorruptData

__all__ = ["damaged", "is_as_told", "repaired"]


def is_as_told(folder: Path, cell: Cell) -> bool:
    """Whether the file that is written to ends where the cell says. Under the lock of the head."""
    return _size_of(segment_path(folder, cell.segment)) == cell.size


def repaired(folder: Path, cell: Cell | None, seed: int, disk: Disk) -> Cell:
    """How far the partition goes, durably. Under the lock of the head, whose newest cell is given.

    Whole frames are written again before they are synced: after a sync that failed, or a writer that was killed before
    it, the pages that hold them may look clean and not be on the disk.

    Raises: CorruptData for a file that is shorter than what was acknowledged, or a bad frame with a good one behind it.
    """
    bases = bases_in(folder)
    if cell is None:
        first = bases[0] if bases else 0
        cell = Cell(0, first, first, first)
    elif bases and bases[0] > cell.start:  # of before a trim: the newer cell is gone
        cell = replace(cell, start=bases[0])
    while True:
        cell = _taken_in(folder, cell, seed, disk, last=not bases or bases[-1] <= cell.segment)
        if cell.end == cell.segment or cell.end not in bases:
            return cell
        cell = replace(cell, segment=cell.end, size=0)


def _taken_in(folder: Path, cell: Cell, seed: int, disk: Disk, *, last: bool) -> Cell:
    """With what the one file holds."""
    path = segment_path(folder, cell.segment)
    length = _size_of(path)
    if length < cell.size:
        raise damaged(path, length, f"the file ends there, and {cell.size} bytes were acknowledged")
    if length == cell.size:
        return cell
    handle = os.open(path, os.O_RDWR)
    try:
        data = _read(handle, cell.size, length)
        after, end = _after(path, data, cell, seed)
        if end < len(data) and (not last or is_damage(data, end, cell.size, seed)):
            raise damaged(path, cell.size + end, "a frame whose checksum does not fit, with others behind it")
        os.ftruncate(handle, after.size)
        write_all(handle, data[:end], cell.size)
        disk.fdatasync(handle)
    finally:
        os.close(handle)
    disk.fault("repaired", path.name)
    return after


def _after(path: Path, data: bytes, cell: Cell, seed: int) -> tuple[Cell, int]:
    """The cell with the whole frames from the beginning of the data, and where they end in it."""
    end = 0
    for frame in whole_frames(data, cell.size, seed):
        batch = batch_at(data, frame.start) if frame.end - frame.start >= BATCH_BYTES else None
        if batch is None or batch.base != cell.end:
            raise damaged(path, cell.size + end, f"a frame that does not go on at offset {cell.end}")
        cell = replace(cell, end=batch.end, last_us=max(cell.last_us, batch.appended_us))
        end = frame.end
    return replace(cell, size=cell.size + end), end


def damaged(path: Path, place: int, seen: str) -> CorruptData:
    """The error for a place in a file that cannot be read."""
    return CorruptData(
        "a partition of the event log is damaged",
        where=f"{path}, byte {place}",
        seen=seen,
        next_step="bring the file back from a backup; its bytes changed after they were written",
    )


def _size_of(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _read(handle: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(handle, end - start, start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)
