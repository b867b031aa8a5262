"""MemoryLog: the EventLog port in memory, for tests of what stands on a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gapless.errors import InputError, NotFound
from gapless.ports.events import (
    MAX_PARTITIONS,
    MAX_RECORD_BYTES,
    EventLogCapabilities,
    LogRecord,
    Outgoing,
    Place,
    Span,
)

__all__ = ["MemoryLog"]


class MemoryLog:
    """Topics of partitions of records, as long as the object lives.

    Parameters:
        now_us — gives the instant of each append.
        gap — offsets that are left out between two records, as brokers do.
    """

    capabilities = EventLogCapabilities(transactions="file", local=True)

    def __init__(self, *, now_us: Callable[[], int] = lambda: 0, gap: int = 0) -> None:
        self._now_us, self._step = now_us, gap + 1
        self._topics: dict[str, list[list[LogRecord]]] = {}
        self._starts: dict[tuple[str, int], int] = {}

    def create(self, topic: str, partitions: int) -> int:
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise InputError("a number of partitions out of range", seen=partitions, allowed=f"1 to {MAX_PARTITIONS}")
        return len(self._topics.setdefault(topic, [[] for _ in range(partitions)]))

    def append(self, topic: str, records: Sequence[Outgoing]) -> list[Place]:
        partitions = self._partitions(topic)
        for out in records:
            if not 0 <= out.partition < len(partitions) or len(out.value) > MAX_RECORD_BYTES:
                raise InputError("a record that the log does not take", seen=(out.partition, len(out.value)))
        return [self._add(partitions[out.partition], out) for out in records]

    def read(self, topic: str, partition: int, offset: int, *, max_bytes: int) -> list[LogRecord]:
        records = self._partitions(topic)[partition]
        start = self._starts.get((topic, partition), 0)
        if offset < start:
            raise NotFound("an offset before the start of the partition", seen=offset, allowed=f"{start} or later")
        found: list[LogRecord] = []
        for record in records[-(-offset // self._step) :]:
            if found and max_bytes < len(record.value):
                break
            max_bytes -= len(record.value)
            found.append(record)
        return found

    def spans(self, topic: str) -> list[Span]:
        partitions = self._partitions(topic)
        return [Span(self._starts.get((topic, p), 0), self._end(records)) for p, records in enumerate(partitions)]

    def trim(self, topic: str, partition: int, before: int) -> None:
        end = self._end(self._partitions(topic)[partition])
        self._starts[topic, partition] = max(self._starts.get((topic, partition), 0), min(before, end))

    def close(self) -> None:
        """Nothing is held."""

    def _partitions(self, topic: str) -> list[list[LogRecord]]:
        if topic not in self._topics:
            raise NotFound("no such topic", seen=topic, allowed=", ".join(self._topics) or "(none)")
        return self._topics[topic]

    def _add(self, records: list[LogRecord], out: Outgoing) -> Place:
        offset = len(records) * self._step
        records.append(LogRecord(out.partition, offset, self._now_us(), out.value, out.key, dict(out.headers)))
        return Place(out.partition, offset)

    def _end(self, records: list[LogRecord]) -> int:
        return records[-1].offset + 1 if records else 0
