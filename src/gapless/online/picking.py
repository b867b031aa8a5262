"""From records, as they lie in a store, to the tiles that a read merges: which count, and what is wrong with some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from gapless.errors import CorruptData
from gapless.online.folds import Folds
from gapless.online.offsets import LEAP
from gapless.online.record import HEAD_AND_CHECK, HEAD_BYTES, HEAD_SIZE, RECORD_VERSION

__all__ = ["Picked"]

_ONE_FILLING = LEAP // 2  # positions above a base that can be of the same filling


class Picked:
    """The tiles out of records, and what is wrong with some of them."""

    def __init__(self, bases: Sequence[int], folds: Folds) -> None:
        self._bases, self._folds = bases, folds
        self.early: list[tuple[int, int]] = []
        self.damaged: list[int] = []
        self.overtaken = False
        """A record is of a filling that began after the offsets were read, and may not hold all."""

    def states(self, at: Sequence[int], records: Iterator[bytes | None]) -> list[bytes | None]:
        """Row by row and group by group; None where a record holds nothing, or nothing that can be read."""
        groups = list(enumerate(self._bases))
        made: list[bytes | None] = []
        for row, instant in enumerate(at):
            for group, base in groups:
                data = next(records)
                if data is not None:
                    data = self._tiles(data, base, row, group, instant)
                made.append(data)
        return made

    def _tiles(self, data: bytes, base: int, row: int, group: int, at_us: int) -> bytes | None:
        if len(data) < HEAD_BYTES:
            return self._slowly(data, base, row, group, at_us)
        version, newest, position, length, check = HEAD_AND_CHECK.unpack_from(data)
        if length or version != RECORD_VERSION or crc32(data[:HEAD_SIZE]) != check:
            return self._slowly(data, base, row, group, at_us)
        if not base < position <= base + _ONE_FILLING:
            self.overtaken |= position > base
            return None
        if newest > at_us:
            self.early.append((row, group))
        return data[HEAD_BYTES:]

    def _slowly(self, data: bytes, base: int, row: int, group: int, at_us: int) -> bytes | None:
        """Damaged, or with events that were known before they happened."""
        try:
            record = self._folds.at(group, data, at_us)
        except CorruptData:
            self.damaged.append(row * len(self._bases) + group)
            return None
        if not base < record.position <= base + _ONE_FILLING:
            self.overtaken |= record.position > base
            return None
        if record.newest_us > at_us:
            self.early.append((row, group))
        return record.tiles
