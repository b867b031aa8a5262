"""CRC-32 as zlib has it, in compiled code: eight bytes at a time, each through a table of its own."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.states.kernels import bare
from gapless.windows.states.words import Bytes, load, load_byte

__all__ = ["INTACT", "crc32"]

INTACT = 0x2144DF1C  # the CRC-32 of anything that ends with its own CRC-32
_POLYNOMIAL = 0xEDB88320
_U32 = (1 << 32) - 1
_U24 = (1 << 24) - 1


def _tables() -> Ints:
    """Row k, laid end to end: what a byte does to a checksum that k more bytes of zero follow."""
    first = np.arange(256, dtype=np.int64)
    for _ in range(8):
        first = np.where(first & 1, first >> 1 ^ _POLYNOMIAL, first >> 1)
    rows = [first]
    for _ in range(7):
        rows.append(first[rows[-1] & 0xFF] ^ rows[-1] >> 8)
    return np.concatenate(rows)


_TABLES = _tables()


@bare
def crc32(data: Bytes, start: int, stop: int, before: int) -> int:
    """`zlib.crc32(data[start:stop], before)`. Eight bytes beyond the stop may be looked at."""
    crc, at = before ^ _U32, start
    while at + 8 <= stop:
        word = load(data, at) ^ crc
        low = _TABLES[0x700 | word & 0xFF] ^ _TABLES[0x600 | word >> 8 & 0xFF]
        low ^= _TABLES[0x500 | word >> 16 & 0xFF] ^ _TABLES[0x400 | word >> 24 & 0xFF]
        high = _TABLES[0x300 | word >> 32 & 0xFF] ^ _TABLES[0x200 | word >> 40 & 0xFF]
        high ^= _TABLES[0x100 | word >> 48 & 0xFF] ^ _TABLES[word >> 56 & 0xFF]
        crc = low ^ high
        at += 8
    while at < stop:
        crc = _TABLES[(crc ^ load_byte(data, at)) & 0xFF] ^ (crc >> 8 & _U24)
        at += 1
    return int(crc ^ _U32)
