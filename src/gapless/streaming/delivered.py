"""A partition whose records somebody else read: what was delivered comes from there, all else from the log itself.

delivered        [ block │ block │      )             at the end of the range reading ends, for this batch
the log    ──────┘                       └─────       what comes before, and between blocks, is read there
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol

from gapless.ports.events import LogRecord
from gapless.ports.ranges import Block, Range

__all__ = ["Delivered", "Feed", "Records"]


class Records(Protocol):
    """The reading end of a log: see `EventLog.read`."""

    def read(self, topic: str, partition: int, offset: int, *, max_bytes: int) -> list[LogRecord]:
        """Records with this offset or a later one, in order."""
        ...


class Feed(Records, Protocol):
    """Records of a batch, after which there may be more in the log."""

    def is_at_end(self) -> bool:
        """Whether the last read, which gave nothing, gave nothing because the log ends there."""
        ...


class Delivered:
    """Reads one partition. What it gives does not depend on what was delivered, only where it comes from.

    Parameters:
        log — asked for what was not delivered.
    """

    def __init__(self, log: Records) -> None:
        self._log = log
        self._range: Range | None = None
        self._blocks: Iterator[Block] = iter(())
        self._start = self._until = 0
        self._records: list[LogRecord] = []
        self._gave = False
        self.is_spent = False
        """The range was read to its end."""

    def give(self, where: Range, blocks: Iterator[Block]) -> None:
        """From now on reads are of this range; its blocks are taken one by one, as they are needed."""
        self._range, self._blocks = where, blocks
        self._start, self._until, self._records = where.start, where.start, []
        self._gave = self.is_spent = False

    def is_at_end(self) -> bool:
        """See Feed."""
        return self._range is None or self._range.at_end or not self._gave

    def read(self, topic: str, partition: int, offset: int, *, max_bytes: int) -> list[LogRecord]:
        """See EventLog.read. Behind a range there is nothing, once it has given something or where the log ended.

        Raises: what the log raises, for what was not delivered.
        """
        found = self._range
        if found is None or found.where != (topic, partition):
            return self._log.read(topic, partition, offset, max_bytes=max_bytes)
        while offset >= self._until and self._next():
            continue
        while self._start <= offset < self._until:
            records = self._records[bisect_left(self._records, offset, key=lambda record: record.offset) :]
            if records:
                self._gave = True
                return records
            offset = self._until
            self._next()
        if (found.at_end and offset >= found.end) or (self._gave and offset == found.end):
            self.is_spent = True
            return []
        return self._log.read(topic, partition, offset, max_bytes=max_bytes)

    def _next(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        self._start, self._until, self._records = block.start, block.until, block.records()
        return True
