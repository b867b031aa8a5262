"""Pieces of the event log that one process plans, another reads, and a third applies, as bytes.

partition p    ──────────[ start ────── block ──────│── block ── end )────────
                            what a scheduler gave out     what the log gets meanwhile is of the next range
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gapless.errors import NotFound, Transient
from gapless.ports.events import EventLog, LogRecord, TopicPartition

__all__ = ["Block", "Range", "blocks_of"]


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Offsets [start, end) of one partition.

    Parameters:
        asked_us — when the log was asked where it ends.
        at_end — it held nothing behind `end` then.
    """

    topic: str
    partition: int
    start: int
    end: int
    asked_us: int
    at_end: bool

    @property
    def where(self) -> TopicPartition:
        """The partition."""
        return TopicPartition(self.topic, self.partition)


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    offset: int
    appended_us: int
    value: bytes
    key: bytes
    headers: dict[str, bytes]


class Block(msgspec.Struct, frozen=True, array_like=True):
    """All records of a part of a range: of [start, until), which is empty where none could be read.

    Examples:
        >>> whole = Range("t", 0, 3, 5, 0, True)
        >>> block = Block.of(whole, 3, 5, [LogRecord(0, 4, 7, b"v", b"k", {"h": b"x"})])
        >>> Block.from_bytes(block.to_bytes()).records()[0].headers
        {'h': b'x'}
    """

    range: Range
    start: int
    until: int
    rows: list[_Wire]

    @classmethod
    def of(cls, where: Range, start: int, until: int, records: list[LogRecord]) -> Block:
        """Of records of the range."""
        rows = [_Wire(r.offset, r.appended_us, r.value, r.key, dict(r.headers)) for r in records]
        return cls(where, start, until, rows)

    @classmethod
    def from_bytes(cls, data: bytes) -> Block:
        """What `to_bytes` made."""
        return _DECODER.decode(data)

    def to_bytes(self) -> bytes:
        """MessagePack."""
        return _ENCODER.encode(self)

    def records(self) -> list[LogRecord]:
        """The records, in order."""
        partition = self.range.partition
        return [LogRecord(partition, r.offset, r.appended_us, r.value, r.key, r.headers) for r in self.rows]


_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Block)


def blocks_of(log: EventLog, where: Range, *, max_bytes: int) -> Iterator[Block]:
    """The range in blocks of about so many bytes, in order; one at least.

    Where the log does not answer, or holds some of it no more, the blocks end early. They say themselves of which
    offsets they are, so whoever applies them asks the log for the rest, and is told why there is none.
    """
    at = where.start
    while at < where.end:
        try:
            found = log.read(where.topic, where.partition, at, max_bytes=max_bytes)
        except (NotFound, Transient):
            break
        records = [record for record in found if record.offset < where.end]
        until = records[-1].offset + 1 if records and len(records) == len(found) else where.end
        yield Block.of(where, at, until, records)
        at = until
    if at == where.start:
        yield Block.of(where, at, at, [])
