"""A consumer that stands at a place of a partition and reads on in the background."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, Message
from confluent_kafka import TopicPartition as At

from gapless.adapters.kafka.clients import Troubles, make_consumer
from gapless.adapters.kafka.urls import Target
from gapless.ports.events import LogRecord, TopicPartition

__all__ = ["Follower"]

_DEFAULTS: Mapping[str, Any] = {
    # How long it is not known that the end is reached, where a transaction's marker is the last thing in a partition.
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 10,
    "queued.max.messages.kbytes": 8_192,
    "fetch.max.bytes": 4_194_304,
    "max.partition.fetch.bytes": 4_194_304,
}
_FIXED: Mapping[str, Any] = {
    "group.id": "gapless",  # the client library wants one; nobody joins it
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
}
_CHUNK = 10_000


class Follower:
    """Gives the records of one partition in order, from an offset on.

    It never goes back: another one is there in 20 ms, sooner than this one would have ended its outstanding fetch. One
    thread at a time.
    """

    def __init__(self, target: Target, partition: TopicPartition, offset: int) -> None:
        self.partition, self.troubles = partition, Troubles()
        self._first, self._seen_to = offset, offset
        self._ahead: deque[Message] = deque()
        self._error: KafkaError | None = None
        self._consumer = make_consumer(target, self.troubles, _DEFAULTS, _FIXED)
        self._consumer.assign([At(target.topic(partition.topic), partition.partition, offset)])

    @property
    def passed(self) -> int:
        """Before this offset, everything was given or cannot be read: aborted, or a marker."""
        following = self._ahead[0].offset() if self._ahead else None
        return self._seen_to if following is None else following

    def stands_at(self, partition: TopicPartition, offset: int) -> bool:
        """Whether what it gives next is what a read from there has to give."""
        return self.partition == partition and self._first <= offset <= self.passed

    def take(self, max_bytes: int, *, wait_s: float = 0.0) -> list[LogRecord]:
        """What is here already; where that is nothing, what comes first within the time."""
        records: list[LogRecord] = []
        left = max_bytes
        while (left > 0 or not records) and (self._ahead or self._fetch(0.0 if records else wait_s)):
            record = _record(self._ahead.popleft())
            records.append(record)
            left -= len(record.value)
        if records:
            self._first = records[-1].offset + 1
            self._seen_to = max(self._seen_to, self._first)
        return records

    def pop_error(self) -> KafkaError | None:
        """What came instead of records since the last time; the client goes on after most of it."""
        error, self._error = self._error, None
        return error

    def close(self) -> None:
        """It is in no group that it would have to leave, so this is quick."""
        self._consumer.close()

    def _fetch(self, wait_s: float) -> bool:
        """Whether there are records ahead now."""
        first = self._consumer.poll(wait_s) if wait_s else None
        for message in [*([] if first is None else [first]), *self._consumer.consume(_CHUNK, 0.0)]:
            self._sort_in(message, message.error())
        return bool(self._ahead)

    def _sort_in(self, message: Message, error: KafkaError | None) -> None:
        if error is None:
            self._ahead.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._seen_to = max(self._seen_to, message.offset() or 0)
        else:
            self._error = error


def _record(message: Any) -> LogRecord:
    return LogRecord(
        message.partition(),
        message.offset(),
        message.timestamp()[1] * 1000,
        message.value() or b"",
        message.key() or b"",
        {name: value or b"" for name, value in message.headers() or ()},
    )
