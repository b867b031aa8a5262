"""Records of a partition, read from its files as far as its head allows."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.segments.batches import BATCH_BYTES, Batch, batch_at, records_of
from gapless.adapters.segments.cells import Cell
from gapless.adapters.segments.frames import HEAD_BYTES, frame_at, length_at
from gapless.adapters.segments.positions import Positions
from gapless.adapters.segments.repair import damaged
from gapless.adapters.segments.segment_files import bases_in, segment_path
from gapless.ports.events import LogRecord

__all__ = ["PartitionReader"]

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class _Found:
    """A frame: the data that it was read in, its place there and in the file, and the head of its batch."""

    data: bytes
    place: int
    position: int
    batch: Batch


class PartitionReader:
    """Reads what a cell of the head names. It knows nothing of what lies behind.

    Raises: FileNotFoundError for a file that a trim has removed: look at the head again.

    Guarantees: safe to share between threads. Every record that is given was compared with its checksum.
    """

    def __init__(self, folder: Path, number: int, seed: int) -> None:
        self._folder, self._number, self._seed = folder, number, seed
        self._positions = Positions()
        self._listed: tuple[tuple[int, int], list[int]] = ((-1, -1), [])

    def read(self, cell: Cell, offset: int, max_bytes: int) -> list[LogRecord]:
        """Records from this offset on, which is in [start, end) of the cell; up to the end of a file."""
        segment, stop = self._segment_of(cell, offset)
        found: list[LogRecord] = []
        left, frame = max_bytes, (0, 0)
        for one in self._frames(cell, segment, offset, stop, max_bytes):
            new = self._records(segment, one, offset, left, at_least=0 if found else 1)
            found += new
            left -= sum(len(record.value) for record in new)
            frame = one.batch.base, one.position
            if left <= 0 or not new or new[-1].offset + 1 < one.batch.end:
                break
        after = found[-1].offset + 1
        if one.batch.base <= after < one.batch.end:
            self._positions.ended(segment, after, frame)
        else:
            place = one.position + (length_at(one.data, one.place) or 0)
            self._positions.ended(segment, after, (after, place))
        return found

    def commit_of(self, cell: Cell, since: int, commit: bytes) -> Batch | None:
        """The batch of a commit, among those with records from `since` on; None where there is none."""
        offset = max(since, cell.start)
        while offset < cell.end:
            segment, stop = self._segment_of(cell, offset)
            for one in self._frames(cell, segment, offset, stop, _CHUNK_BYTES):
                if one.batch.commit == commit:
                    self._records(segment, one, one.batch.base, 0, at_least=1)  # it is whole
                    return one.batch
            offset = stop
        return None

    def _records(self, segment: int, one: _Found, offset: int, room: int, *, at_least: int) -> list[LogRecord]:
        frame = frame_at(one.data, one.place, one.position, self._seed)
        if frame is None:
            path = segment_path(self._folder, segment)
            raise damaged(path, one.position, "a frame whose checksum does not fit")
        return records_of(one.data, frame.start, self._number, first=offset, max_bytes=room, at_least=at_least)

    def _segment_of(self, cell: Cell, offset: int) -> tuple[int, int]:
        """The file that holds the offset, and the first offset that is not in it."""
        seen, bases = self._listed
        if seen != (cell.start, cell.segment):
            bases = [*(base for base in bases_in(self._folder) if base < cell.segment), cell.segment]
            self._listed = (cell.start, cell.segment), bases
            self._positions.forget(cell.start)
        place = bisect_right(bases, offset)
        if not place:
            raise FileNotFoundError(offset)
        return bases[place - 1], bases[place] if place < len(bases) else cell.end

    def _frames(self, cell: Cell, segment: int, offset: int, stop: int, want: int) -> Iterator[_Found]:
        """From the one that holds the offset up to the one that ends at `stop`."""
        path = segment_path(self._folder, segment)
        expected, position = self._positions.before(segment, offset)
        handle = os.open(path, os.O_RDONLY)
        try:
            limit = cell.size if segment == cell.segment else os.fstat(handle).st_size
            for data, place, where in _hops(handle, path, position, limit, max(_CHUNK_BYTES, want + want // 4)):
                batch = batch_at(data, place + HEAD_BYTES)
                if batch.base != expected or not batch.count:
                    raise damaged(path, where, f"a frame that does not go on at offset {expected}")
                self._positions.passed(segment, expected, where)
                expected = batch.end
                if batch.end > offset:
                    yield _Found(data, place, where, batch)
                if expected >= stop:
                    return
            raise damaged(path, limit, f"the end of the file before offset {stop}")
        finally:
            os.close(handle)


def _hops(handle: int, path: Path, position: int, limit: int, chunk: int) -> Iterator[tuple[bytes, int, int]]:
    """Frames from a position on: data, where in it the frame is, and where in the file. Lengths are believed."""
    while position < limit:
        wanted = min(chunk, limit - position)
        data, place = os.pread(handle, wanted, position), 0
        while (length := length_at(data, place)) is not None and place + length <= len(data):
            if length < HEAD_BYTES + BATCH_BYTES:
                raise damaged(path, position + place, f"a frame of {length} bytes")
            yield data, place, position + place
            place += length
        position += place
        if place == 0:
            if length is None or length > limit - position or len(data) < wanted:
                raise damaged(path, position, "no frame that is whole")
            chunk = length
