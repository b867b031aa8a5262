"""Reading one partition: what comes next waits here until a batch takes it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from gapless.ports.events import LogRecord, TopicPartition
from gapless.streaming.cutting import Queue
from gapless.streaming.delivered import Records

__all__ = ["Cursor", "records_between"]


def records_between(read: Callable[[int], Sequence[LogRecord]], start: int, end: int) -> list[LogRecord]:
    """The records of a partition with offset in [start, end), as far as there are some.

    Parameters:
        read — gives records from an offset on; none at the end of the partition.
    """
    records: list[LogRecord] = []
    while start < end and (found := read(start)):
        records += [record for record in found if record.offset < end]
        start = found[-1].offset + 1
    return records


class Cursor:
    """Records of a partition from an offset on.

    Parameters:
        offset — of the next record that no batch has taken.
        max_bytes — of values that wait here, about: more are not read.
        is_at_end — of a log that gives nothing also where there is more for another time.
    """

    def __init__(
        self,
        log: Records,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int,
        is_at_end: Callable[[], bool] = lambda: True,
    ) -> None:
        self._log, self.partition, self.offset, self._max_bytes = log, partition, offset, max_bytes
        self._records: list[LogRecord] = []
        self._instants: list[int] = []
        self._next, self._waiting, self._at_end = offset, 0, False
        self._is_at_end = is_at_end

    def fetch(self, now_us: int) -> None:
        """What the log has is here, up to the limit.

        Raises: NotFound where the log does not hold the next record any more; what the log raises.
        """
        self._at_end = False
        while self._waiting < self._max_bytes:
            found = self._log.read(*self.partition, self._next, max_bytes=self._max_bytes)
            if not found:
                self._at_end = self._is_at_end()
                return
            for record in found:
                # A producer's clock may be ahead, or behind its last record: neither may hold up the others.
                before = self._instants[-1] if self._instants else record.appended_us
                self._instants.append(max(before, min(record.appended_us, now_us)))
            self._records += found
            self._next = found[-1].offset + 1
            self._waiting += sum(len(record.value) for record in found)

    def queue(self) -> Queue:
        """What waits, as `cutting.cut` wants it."""
        return Queue(self._instants, [len(record.value) for record in self._records], self._at_end)

    @property
    def waiting(self) -> int:
        """Records that were read and not taken."""
        return len(self._records)

    def first(self, count: int) -> Sequence[LogRecord]:
        """The next records; they stay until `advance`."""
        return self._records[:count]

    def offset_after(self, count: int) -> int:
        """The offset at which it goes on once so many are taken."""
        return self._records[count - 1].offset + 1 if count else self.offset

    def advance(self, count: int) -> None:
        """So many are taken."""
        self.offset = self.offset_after(count)
        self._waiting -= sum(len(record.value) for record in self._records[:count])
        del self._records[:count], self._instants[:count]

    def below(self, offset: int) -> int:
        """How many of those that wait have a smaller offset."""
        return bisect_left(self._records, offset, key=lambda record: record.offset)

    def pass_over(self, offset: int) -> None:
        """It goes on at an offset that is not before its own; what waits below it is not taken by anybody."""
        self.advance(self.below(offset))
        self.offset, self._next = offset, max(self._next, offset)
