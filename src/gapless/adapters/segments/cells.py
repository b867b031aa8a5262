"""The head of a partition: how far it goes, for readers in any process.

    slot 0   "GLH1" crc  sequence start end segment size last_us      64 bytes
    slot 1   the same                                                 64 bytes

Cells go to the two slots in turn, so that one of them is whole whenever a writer dies, and a reader that meets a slot
half written takes the other. The one with the larger sequence is the newest.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

__all__ = ["HEAD_FILE_BYTES", "Cell", "both_whole", "cell_bytes", "newest"]

_FIELDS = struct.Struct("<QQQQQq")
_HEAD = struct.Struct("<4sI")
_MAGIC = b"GLH1"
_SLOT = 64
HEAD_FILE_BYTES = 2 * _SLOT


@dataclass(frozen=True, slots=True)
class Cell:
    """What is durable in a partition.

    Parameters:
        sequence — of the cell; grows by one.
        start, end — of the records: see Span.
        segment — the base offset of the file that is written to; size — its bytes that are durable, 0 for no file yet.
        last_us — the latest instant of appending.
    """

    sequence: int = 0
    start: int = 0
    end: int = 0
    segment: int = 0
    size: int = 0
    last_us: int = 0


def cell_bytes(cell: Cell) -> tuple[bytes, int]:
    """The slot of a cell, and where in the file it goes.

    Examples:
        >>> first, second = cell_bytes(Cell(4, 0, 9)), cell_bytes(Cell(5, 0, 12))
        >>> newest(first[0] + second[0]).end, newest(first[0] + bytes(64)).end
        (12, 9)
    """
    fields = _FIELDS.pack(cell.sequence, cell.start, cell.end, cell.segment, cell.size, cell.last_us)
    slot = _HEAD.pack(_MAGIC, zlib.crc32(fields)) + fields
    return slot.ljust(_SLOT, b"\0"), cell.sequence % 2 * _SLOT


def newest(data: bytes) -> Cell | None:
    """The newest whole cell of the file; None where there is none."""
    cells = [cell for place in (0, _SLOT) if (cell := _cell_at(data, place)) is not None]
    return max(cells, key=lambda cell: cell.sequence, default=None)


def both_whole(data: bytes) -> bool:
    """Whether no slot is half written."""
    return _cell_at(data, 0) is not None and _cell_at(data, _SLOT) is not None


def _cell_at(data: bytes, place: int) -> Cell | None:
    fields = data[place + _HEAD.size : place + _HEAD.size + _FIELDS.size]
    if len(fields) < _FIELDS.size or _HEAD.unpack_from(data, place) != (_MAGIC, zlib.crc32(fields)):
        return None
    return Cell(*_FIELDS.unpack(fields))
