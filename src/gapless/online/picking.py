"""From records, as they lie in a store, to the tiles that a read merges: which count, and what is wrong with some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

from gapless.errors import CorruptData
from gapless.online.folds import Folds
from gapless.online.offsets import LEAP
from gapless.online.record import HEAD_AND_CHECK, HEAD_BYTES, HEAD_SIZE, RECORD_VERSION
from gapless.ports.online import MAX_POSITION
from gapless.ports.places import place_at

__all__ = ["Picked"]

_ONE_FILLING = LEAP // 2  # positions above a base that can be of the same filling


class Picked:
    """The tiles out of records, and what is wrong with some of them.

    Parameters:
        ends — per part, the position up to which its offset record says that events are in (see `slots.Known`).
        groups — per part, the place of its group's plan in `folds`.
    """

    def __init__(self, bases: Sequence[int], ends: Sequence[int], groups: Sequence[int], folds: Folds) -> None:
        self._bases, self._ends, self._groups, self._folds = bases, ends, groups, folds
        self.early: list[tuple[int, int]] = []
        self.damaged: list[int] = []
        self.ahead: dict[tuple[int, int], int] = {}
        self.newest_us: dict[int, int] = {}
        self.overtaken = False
        """A record is of a filling that began after the offsets were read, and may not hold all."""

    def states(self, at: Sequence[int], records: Iterator[bytes | None]) -> list[bytes | None]:
        """Row by row and group by group; None where a record holds nothing, or nothing that can be read."""
        parts = list(enumerate(self._bases))
        made: list[bytes | None] = []
        for row, instant in enumerate(at):
            for part, base in parts:
                data = next(records)
                if data is not None:
                    data = self._tiles(data, base, row, part, instant)
                made.append(data)
        return made

    def _tiles(self, data: bytes, base: int, row: int, part: int, at_us: int) -> bytes | None:
        if len(data) < HEAD_BYTES:
            return self._slowly(data, base, row, part, at_us)
        version, newest, position, length, check = HEAD_AND_CHECK.unpack_from(data)
        if length or version != RECORD_VERSION or crc32(data[:HEAD_SIZE]) != check:
            return self._slowly(data, base, row, part, at_us)
        if not self._counts(position, base, row, part):
            return None
        if newest > at_us:
            self._note_early(row, part, newest)
        return data[HEAD_BYTES:]

    def _note_early(self, row: int, part: int, newest: int) -> None:
        self.early.append((row, part))
        self.newest_us[row] = max(newest, self.newest_us.get(row, newest))

    def _counts(self, position: int, base: int, row: int, part: int) -> bool:
        end = self._ends[part]
        if end == MAX_POSITION:  # of files: numbered within a filling
            self.overtaken |= position > base + _ONE_FILLING
            return base < position <= base + _ONE_FILLING
        if base < position and position > end:
            self.ahead[row, part] = place_at(base, position)
        return base < position

    def _slowly(self, data: bytes, base: int, row: int, part: int, at_us: int) -> bytes | None:
        """Damaged, or with events that were known before they happened."""
        try:
            record = self._folds.at(self._groups[part], data, at_us)
        except CorruptData:
            self.damaged.append(row * len(self._bases) + part)
            return None
        if not self._counts(record.position, base, row, part):
            return None
        if record.newest_us > at_us:
            self._note_early(row, part, record.newest_us)
        return record.tiles
