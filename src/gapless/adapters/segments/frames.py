"""Frames: pieces of a file that are whole or not there, and how torn ends are told from damage.

    "GLE1"  crc u32  length u32  durable u64       20 bytes, then `length` bytes of payload

`durable` says how much of the file was on stable storage when the frame was written. What a crash tears lies behind
that of every later frame; a bad frame before it is damage. The checksum covers the frame's own place and a seed that
is the file's own: bytes of a client that look like a frame are none, and neither are those of another partition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["HEAD_BYTES", "Frame", "frame_at", "frame_bytes", "is_damage", "length_at", "whole_frames"]

_MAGIC = b"GLE1"
_HEAD = struct.Struct("<4sIIQ")
_COVERED = struct.Struct("<QIQ")
HEAD_BYTES = _HEAD.size


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame; its payload is [start, end) of the data that it was found in."""

    start: int
    end: int
    durable: int


def frame_bytes(payload: bytes, position: int, durable: int, seed: int) -> bytes:
    """The frame of a payload, to be written at this position of its file.

    Examples:
        >>> data = frame_bytes(b"one", 0, 0, 7) + frame_bytes(b"two", 23, 23, 7)
        >>> [data[frame.start : frame.end] for frame in whole_frames(data, 0, 7)]
        [b'one', b'two']
        >>> [data[frame.start : frame.end] for frame in whole_frames(data, 0, 8)]
        []
    """
    crc = _checksum(payload, position, durable, seed)
    return _HEAD.pack(_MAGIC, crc, len(payload), durable) + payload


def length_at(data: bytes, place: int) -> int | None:
    """How long the frame that begins here is, its head included; None where none begins. The rest is not looked at."""
    if place + HEAD_BYTES > len(data):
        return None
    magic, _, length, _ = _HEAD.unpack_from(data, place)
    return HEAD_BYTES + length if magic == _MAGIC else None


def frame_at(data: bytes, place: int, position: int, seed: int) -> Frame | None:
    """The whole frame that begins at `place` of the data, which is `position` of its file; None where there is none."""
    start = place + HEAD_BYTES
    if start > len(data):
        return None
    magic, crc, length, durable = _HEAD.unpack_from(data, place)
    end = start + length
    if magic != _MAGIC or end > len(data):
        return None
    whole = _checksum(memoryview(data)[start:end], position, durable, seed) == crc
    return Frame(start, end, durable) if whole else None


def whole_frames(data: bytes, position: int, seed: int) -> Iterator[Frame]:
    """The frames from the beginning of the data, which is `position` of its file, up to the first that is not whole."""
    place = 0
    while (frame := frame_at(data, place, position + place, seed)) is not None:
        yield frame
        place = frame.end


def is_damage(data: bytes, place: int, position: int, seed: int) -> bool:
    """Whether the frame at `place`, which is not whole, was durable once: a whole one behind it knows.

    Parameters:
        position — of the beginning of the data in its file.
    """
    found = data.find(_MAGIC, place + 1)
    while found >= 0:
        frame = frame_at(data, found, position + found, seed)
        if frame is not None and frame.durable > position + place:
            return True
        found = data.find(_MAGIC, found + 1)
    return False


def _checksum(payload: bytes | memoryview, position: int, durable: int, seed: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_COVERED.pack(position, len(payload), durable), seed))
