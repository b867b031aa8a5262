"""The bytes of a segment: a mark, then one block for each sync.

    "GLPLOG" 0 1                                                   8 bytes
    block:  "GLB1"  entries u32  length u32  crc u32               16 bytes
            length of each entry u32 …  the entries …              `length` bytes
    zeros, while it is being written

A block is written after the one before it is on stable storage. So what a crash leaves torn is the last block alone,
and a bad block with a whole one behind it is damage. The checksum covers the block's own place in the file: bytes of a
request that look like a block are none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["MARK", "Block", "blocks", "encode", "entries", "has_block_after"]

MARK = b"GLPLOG\x00\x01"
_MAGIC = b"GLB1"
_HEAD = struct.Struct("<4sIII")
_PLACE = struct.Struct("<QII")


@dataclass(frozen=True)
class Block:
    """Where a whole block lies in a segment: its payload is [start, end)."""

    entries: int
    start: int
    end: int


def encode(items: Sequence[bytes], offset: int) -> bytes:
    """The block of some entries, to be written at `offset` of its file.

    Examples:
        >>> data = MARK + encode([b"one", b"two"], len(MARK))
        >>> [list(entries(data, block)) for block in blocks(data)]
        [[b'one', b'two']]
    """
    payload = b"".join((struct.pack(f"<{len(items)}I", *map(len, items)), *items))
    crc = _checksum(payload, offset, len(items))
    return _HEAD.pack(_MAGIC, len(items), len(payload), crc) + payload


def blocks(data: bytes | memoryview) -> Iterator[Block]:
    """The whole blocks from the beginning, up to the first that is not whole."""
    place = len(MARK) if bytes(data[: len(MARK)]) == MARK else len(data)
    while (block := _block_at(data, place)) is not None:
        yield block
        place = block.end


def entries(data: bytes | memoryview, block: Block) -> Iterator[bytes]:
    """What the block holds, in order."""
    lengths = struct.unpack_from(f"<{block.entries}I", data, block.start)
    place = block.start + 4 * block.entries
    for length in lengths:
        yield bytes(data[place : place + length])
        place += length


def has_block_after(data: bytes, place: int) -> bool:
    """Whether a whole block begins anywhere behind `place`."""
    found = data.find(_MAGIC, place + 1)
    while found >= 0:
        if _block_at(data, found) is not None:
            return True
        found = data.find(_MAGIC, found + 1)
    return False


def _block_at(data: bytes | memoryview, place: int) -> Block | None:
    start = place + _HEAD.size
    if start > len(data):
        return None
    magic, count, length, crc = _HEAD.unpack_from(data, place)
    end = start + length
    if magic != _MAGIC or end > len(data) or 4 * count > length:
        return None
    whole = _checksum(data[start:end], place, count) == crc
    return Block(count, start, end) if whole else None


def _checksum(payload: bytes | memoryview, offset: int, count: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_PLACE.pack(offset, count, len(payload))))
