"""SegmentReader: the other end of the log, for whoever moves it into the offline store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gapless.adapters.segments.blocks import MARK, blocks, entries, has_block_after
from gapless.adapters.segments.failures import storage_error
from gapless.adapters.segments.folder import LogFolder
from gapless.errors import CorruptData, NotFound
from gapless.ports.prediction_log import LogSegment

__all__ = ["SegmentReader"]


class SegmentReader:
    """Segments of a folder that no living writer holds.

    Guarantees: a segment keeps its name, whether its writer sealed it or was killed. Readers never stop a writer.

    Cost: `sealed` reads every segment once, to count whole blocks; memory of one segment.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = LogFolder(Path(folder).absolute(), os.fsync)

    def sealed(self) -> list[LogSegment]:
        """See PredictionLogReader.sealed. What a killed writer left empty is removed on the way."""
        found = (self._look(name) for name in self._folder.names())
        return [segment for segment in found if segment is not None]

    def read(self, segment: LogSegment) -> Iterator[bytes]:
        """See PredictionLogReader.read.

        Raises: also NotFound for one that somebody removed meanwhile; StorageError.
        """
        with self._folder.unheld(segment.name) as path:
            if path is None:
                raise NotFound("no such segment of the log", seen=segment.name, where=str(self._folder.path))
            data = _bytes_of(path)
        yield from _entries(data, path)

    def remove(self, segment: LogSegment) -> None:
        """See PredictionLogReader.remove. Removing it again does nothing."""
        with self._folder.unheld(segment.name) as path:
            if path is not None:
                path.unlink()
                self._folder.sync()

    def _look(self, name: str) -> LogSegment | None:
        with self._folder.unheld(name) as path:
            if path is None:
                return None
            data = _bytes_of(path)
            whole = list(blocks(data))
            count = sum(block.entries for block in whole)
            if not count and not _is_damaged(data, path, 0):
                path.unlink()  # under its lock: nothing was acknowledged in it
                return None
            return LogSegment(name, count, whole[-1].end if whole else len(data))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise storage_error(problem, path, "read a segment of the prediction log") from problem


def _entries(data: bytes, path: Path) -> Iterator[bytes]:
    end = len(MARK)
    for block in blocks(data):
        yield from entries(data, block)
        end = block.end
    if end < len(data) and _is_damaged(data, path, end):
        raise CorruptData(
            "a segment of the prediction log is damaged",
            where=str(path),
            seen=f"a block at byte {end} of {len(data)} whose checksum does not fit",
            next_step="bring the file back from a backup; its bytes changed after they were written",
        )


def _is_damaged(data: bytes, path: Path, end: int) -> bool:
    """A sealed file is whole. One that a killed writer left may end in a torn block, with nothing whole behind it."""
    return path.suffix == ".sealed" or has_block_after(data, end)
