"""How a value lies in Redis, and the compare-and-set that keeps an older one from winning.

    key ─► mark byte │ position, float64 big-endian │ the value

The mark is the layout's number, and its highest bit says that the key is an offset. A position is a float64 because
that is what a script of Redis calculates with; up to 2^53 it is exact.
"""

from __future__ import annotations

import hashlib
import struct

__all__ = [
    "EVAL",
    "EVALSHA",
    "HEADER_BYTES",
    "LAYOUT_ERROR",
    "OFFSET",
    "STATE",
    "is_offset",
    "is_ours",
    "pack",
    "pack_position",
]

LAYOUT_ERROR = "GAPLESS"
STATE = 0x01
OFFSET = 0x81
_HEADER = struct.Struct(">Bd")
_POSITION = struct.Struct(">d")
HEADER_BYTES = _HEADER.size

_SCRIPT = b"""\
local old = redis.call('GETRANGE', KEYS[1], 0, 8)
local there = 0
if #old > 0 then
  if #old < 9 or string.byte(old) % 128 ~= 1 then
    return redis.error_reply('GAPLESS another layout')
  end
  there = struct.unpack('>d', old, 2)
  if there >= struct.unpack('>d', ARGV[1], 2) then
    return 0
  end
end
if ARGV[2] and there ~= struct.unpack('>d', ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""
# One key for each call: any node of a cluster can run it, and a call is atomic.
EVAL = (b"EVAL", _SCRIPT, b"1")
EVALSHA = (b"EVALSHA", hashlib.sha1(_SCRIPT).hexdigest().encode(), b"1")


def pack(mark: int, position: int, value: bytes) -> bytes:
    """A value with its header."""
    return _HEADER.pack(mark, position) + value


def pack_position(position: int) -> bytes:
    """The second argument of the script: the position that has to be there."""
    return _POSITION.pack(position)


def is_ours(stored: bytes) -> bool:
    """Whether this layout wrote it."""
    return len(stored) >= HEADER_BYTES and stored[0] & 0x7F == STATE


def is_offset(stored: bytes | None) -> bool:
    """Whether it was committed as an offset."""
    return bool(stored) and stored[0] == OFFSET  # type: ignore[index]
