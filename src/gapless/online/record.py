"""The bytes of one key's record.

    version  newest_us  position  length of pending  CRC-32 of all but the tiles  pending           tiles
    1 byte   8          8         4                  4                            first_us, events  with their own check

Inside the tiles are the events that had become visible when the record was written; pending are those that were known
by then and happen later. Reading them is exact at every instant that is not before `newest_us`, the latest instant at
which an event of the tiles became visible.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

from gapless.clock import HOUR
from gapless.errors import CorruptData
from gapless.windows.codec import Reader, Writer
from gapless.windows.tiles import Arrival, TilePlan, Tiles
from gapless.windows.window import BEGINNING

__all__ = [
    "HEAD_AND_CHECK",
    "HEAD_BYTES",
    "HEAD_SIZE",
    "RECORD_VERSION",
    "Record",
    "oldest_kept_us",
    "pack",
    "unpack",
    "visible_from",
    "waiting_bytes",
]

RECORD_VERSION = 1
_HEAD = struct.Struct("<BqqI")
_CHECK = struct.Struct("<I")
HEAD_AND_CHECK = struct.Struct("<BqqII")
_FIRST = struct.Struct("<q")
HEAD_SIZE, HEAD_BYTES = _HEAD.size, HEAD_AND_CHECK.size


@dataclass(frozen=True)
class Record:
    """What is kept for one key.

    Parameters:
        position — of the commit that wrote it.
        newest_us — BEGINNING where the tiles are empty.
        waiting — the bytes of the pending events; empty where there are none.
        tiles — the bytes of the tiles.
    """

    position: int
    newest_us: int
    waiting: bytes
    tiles: bytes

    @cached_property
    def pending(self) -> tuple[Arrival, ...]:
        """Events that are known and happen after the instant that the record was written as of, in their order."""
        return _pending(self.waiting) if self.waiting else ()

    @property
    def changes_us(self) -> int | None:
        """The first instant at which a pending event is visible; None where there is none."""
        return _FIRST.unpack_from(self.waiting)[0] if self.waiting else None

    def at(self, plan: TilePlan, at_us: int) -> Record:
        """The same state with the pending events that are visible at `at_us` inside the tiles.

        Raises: CorruptData.
        """
        if not self.waiting or self.changes_us > at_us:  # type: ignore[operator]
            return self
        come = [each for each in self.pending if visible_from(each) <= at_us]
        rest = [each for each in self.pending if visible_from(each) > at_us]
        newest = max(self.newest_us, *map(visible_from, come))
        tiles = Tiles.from_bytes(plan, self.tiles).add(come).prune(oldest_kept_us(newest))
        return Record(self.position, newest, waiting_bytes(rest), tiles.to_bytes())


def visible_from(arrival: Arrival) -> int:
    """The first instant that may use the event."""
    time, known, _ = arrival.order
    return max(time + 1, known)


def oldest_kept_us(newest_us: int) -> int:
    """Tiles that no read at this instant or later looks at are let go of.

    It depends on the key's own events alone, so that a record is the same however it came to be; and in whole hours,
    so that many keys are cut at the same instant.
    """
    return max(newest_us // HOUR * HOUR, BEGINNING)


def pack(record: Record) -> bytes:
    """The bytes of a record."""
    head = _HEAD.pack(RECORD_VERSION, record.newest_us, record.position, len(record.waiting))
    return b"".join((head, _CHECK.pack(crc32(record.waiting, crc32(head))), record.waiting, record.tiles))


def unpack(data: bytes) -> Record:
    """The record that `pack` wrote; its tiles are checked by who reads them.

    Raises: CorruptData.
    """
    if len(data) < HEAD_BYTES:
        raise _corrupt("it ends too early", data)
    version, newest, position, length, check = HEAD_AND_CHECK.unpack_from(data)
    waiting = data[HEAD_BYTES : HEAD_BYTES + length]
    if crc32(waiting, crc32(data[:HEAD_SIZE])) != check:
        raise _corrupt("the checksum does not match", data)
    if version != RECORD_VERSION:
        raise _corrupt(f"written in format {version}, this is format {RECORD_VERSION}", data)
    return Record(position, newest, waiting, data[HEAD_BYTES + length :])


def waiting_bytes(arrivals: Iterable[Arrival]) -> bytes:
    """Pending events as bytes: in their order, so that equal ones have equal bytes."""
    events = sorted(arrivals, key=lambda each: each.order)
    if not events:
        return b""
    out = Writer()
    out.count(len(events))
    for each in events:
        _write_arrival(out, each)
    return _FIRST.pack(min(map(visible_from, events))) + bytes(out)


def _write_arrival(out: Writer, arrival: Arrival) -> None:
    for number in arrival.order:
        out.signed(number)
    out.count(len(arrival.values))
    for value in arrival.values:
        out.count(value is not None)
        if value is not None:
            out.value(value)


def _pending(data: bytes) -> tuple[Arrival, ...]:
    source = Reader(data[_FIRST.size :])
    events = tuple(_read_arrival(source) for _ in range(source.count()))
    source.end()
    return events


def _read_arrival(source: Reader) -> Arrival:
    order = source.signed(), source.signed(), source.signed()
    return Arrival(order, tuple(source.value() if source.count() else None for _ in range(source.count())))


def _corrupt(why: str, data: Sequence[int] | bytes) -> CorruptData:
    return CorruptData(
        f"not the record of a key: {why}",
        seen=bytes(data[:32]),
        next_step="gapless materialize --rebuild writes it anew",
    )
