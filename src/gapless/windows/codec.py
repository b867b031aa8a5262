"""The byte form of states: small, one spelling for each value, and refused when a byte is wrong.

An envelope is a version byte, the body, and a CRC-32 of both. Whole numbers are base-128 varints, signed ones zigzag;
an exact sum is its 32-bit limbs without the zero ones at either end, so a tile of ordinary amounts takes a dozen bytes
and not 270.
"""

from __future__ import annotations

import struct
from zlib import crc32

from gapless.errors import CorruptData

__all__ = ["Reader", "Value", "Writer", "seal", "unseal"]

Value = float | bool | int | str
VERSION = 1
_MAX_LIMBS = 160  # the widest sum of squares has 132 and room for 2^31 of them
_FLOAT = struct.Struct("<d")


def seal(body: bytes) -> bytes:
    """The body with its version and checksum."""
    framed = bytes([VERSION]) + body
    return framed + crc32(framed).to_bytes(4, "little")


def unseal(data: bytes) -> bytes:
    """The body of an envelope.

    Raises: CorruptData where the version is unknown or the checksum differs.

    Examples:
        >>> unseal(seal(b"abc"))
        b'abc'
    """
    if len(data) < 5 or crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise corrupt("the checksum does not match", data[:16])
    if data[0] != VERSION:
        raise corrupt(f"written in format {data[0]}, this is format {VERSION}", data[:16])
    return data[1:-4]


def corrupt(why: str, seen: object) -> CorruptData:
    """The error for bytes that are no state."""
    return CorruptData(f"not the state of an aggregation: {why}", seen=seen, next_step="rebuild it from the event log")


class Writer:
    """Bytes, one value after the other."""

    def __init__(self) -> None:
        self._out = bytearray()

    def __bytes__(self) -> bytes:
        return bytes(self._out)

    def count(self, number: int) -> None:
        """A whole number of 0 or more."""
        while number > 127:
            self._out.append(number & 127 | 128)
            number >>= 7
        self._out.append(number)

    def signed(self, number: int) -> None:
        """Any whole number."""
        self.count(2 * number if number >= 0 else -2 * number - 1)

    def blob(self, data: bytes) -> None:
        """Bytes with their length."""
        self.count(len(data))
        self._out += data

    def limbs(self, total: int) -> None:
        """An exact sum: its lowest limb, how many, and they themselves in two's complement."""
        lowest = max((total & -total).bit_length() - 1, 0) // 32
        trimmed = total >> (32 * lowest)
        limbs = (trimmed.bit_length() + 32) // 32 if total else 0
        self.count(lowest)
        self.count(limbs)
        self._out += trimmed.to_bytes(4 * limbs, "little", signed=True)

    def value(self, value: Value) -> None:
        """A value with its type."""
        if isinstance(value, bool):
            self._out.append(int(value))
        elif isinstance(value, float):
            self._out += b"\x02" + _FLOAT.pack(value)
        elif isinstance(value, int):
            self._out.append(3)
            self.signed(value)
        else:
            self._out.append(4)
            self.blob(value.encode())


class Reader:
    """What a Writer wrote, in the same order. Every method raises CorruptData where the bytes say something else."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise corrupt("bytes are left over", self._data[self._at :][:16])

    def take(self, length: int) -> bytes:
        """That many bytes."""
        piece = self._data[self._at : self._at + length]
        if len(piece) != length:
            raise corrupt("it ends too early", piece[:16])
        self._at += length
        return piece

    def count(self) -> int:
        """What `Writer.count` wrote."""
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if shift > 7 and byte == 0:
            raise corrupt("a number with padding", number)
        return number

    def signed(self) -> int:
        """What `Writer.signed` wrote."""
        number = self.count()
        return -(number + 1) // 2 if number & 1 else number // 2

    def blob(self) -> bytes:
        """What `Writer.blob` wrote."""
        return self.take(self.count())

    def limbs(self) -> int:
        """What `Writer.limbs` wrote: refused where it could be shorter."""
        lowest, limbs = self.count(), self.count()
        if lowest + limbs > _MAX_LIMBS:
            raise corrupt("more limbs than any sum has", lowest + limbs)
        total = int.from_bytes(self.take(4 * limbs), "little", signed=True) << (32 * lowest)
        again = Writer()
        again.limbs(total)
        if bytes(again) != self._data[self._at - len(bytes(again)) : self._at]:
            raise corrupt("limbs that are not trimmed", limbs)
        return total

    def value(self) -> Value:
        """What `Writer.value` wrote."""
        tag = self.take(1)[0]
        if tag < 2:
            return bool(tag)
        if tag == 2:
            return float(_FLOAT.unpack(self.take(8))[0])
        if tag == 3:
            return self.signed()
        if tag > 4:
            raise corrupt("an unknown kind of value", tag)
        return self._text(self.blob())

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise corrupt("text that is not UTF-8", data[:16]) from error
