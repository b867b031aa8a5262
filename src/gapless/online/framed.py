"""Small records of the online store: a version, MessagePack, and a CRC-32 of both."""

from __future__ import annotations

from typing import TypeVar
from zlib import crc32

import msgspec

__all__ = ["framed", "unframed"]

T = TypeVar("T", bound=msgspec.Struct)
_VERSION = b"\x01"


def framed(record: msgspec.Struct) -> bytes:
    """The record's bytes."""
    data = _VERSION + msgspec.msgpack.encode(record)
    return data + crc32(data).to_bytes(4, "little")


def unframed(data: bytes, kind: type[T]) -> T | None:
    """What `framed` wrote; None for bytes that it did not write, or wrote of another kind."""
    if data[:1] != _VERSION or crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    try:
        return msgspec.msgpack.decode(data[1:-4], type=kind)
    except msgspec.DecodeError:
        return None
