"""Topics as the brokers know them: which there are, what their partitions hold."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as At
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic

from gapless.adapters.kafka.clients import Troubles, error_of, make_admin
from gapless.adapters.kafka.failures import failed, no_partition, too_large
from gapless.adapters.kafka.urls import Target
from gapless.errors import GaplessError, NotFound, Transient
from gapless.ports.events import MAX_RECORD_BYTES, Outgoing, Span

__all__ = ["Topics"]

_KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Records go when they were landed, by `trim`; an operator may set another retention, as a backstop."""
_BROKERS_DEFAULT = -1
_PAUSE_S = 0.05
_SLACK_S = 1.0
_OFFSETS: Any = OffsetSpec
_EARLIEST, _LATEST = _OFFSETS.earliest(), _OFFSETS.latest()
_MOVES = frozenset(
    {
        *(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE),
        *(KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE),
        *(KafkaError.KAFKA_STORAGE_ERROR, KafkaError._NOENT, KafkaError._TRANSPORT),
    }
)
"""A partition is about to get its leader; the client asks again by itself for records, and not for these answers."""

Value = TypeVar("Value")


class Topics:
    """What administration asks of the brokers: each method is one or two round trips. Safe to share between threads."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self._target, self._timeout_s = target, timeout_s
        self._troubles = Troubles()
        self._admin = make_admin(target, self._troubles)
        self._counts: dict[str, int] = {}

    def create(self, topic: str, partitions: int) -> int:
        """The topic is there and can be written; gives its number of partitions."""
        full = self._target.topic(topic)
        new = NewTopic(full, partitions, _BROKERS_DEFAULT, config=_KEPT_FOR_EVER)
        futures = self._admin.create_topics([new], operation_timeout=self._timeout_s, request_timeout=self._timeout_s)
        try:
            self._result(futures[full], f"create topic {full}")
        except _TopicThere:
            return self.count(topic, known=False)
        return self._settled(topic)

    def count(self, topic: str, *, known: bool = True) -> int:
        """How many partitions the topic has. Raises: NotFound.

        Parameters:
            known — whether the number that was seen last will do.
        """
        if known and topic in self._counts:
            return self._counts[topic]
        return self._described(topic, self._describe(topic))

    def check(self, topic: str, partition: int) -> None:
        """Raises: NotFound for the topic; InputError for a partition that it does not have, not even by now."""
        if 0 <= partition < self.count(topic):
            return
        count = self.count(topic, known=False)
        if not 0 <= partition < count:
            raise no_partition(topic, partition, count, self._target.shown)

    def check_records(self, topic: str, records: Sequence[Outgoing]) -> None:
        """Raises: NotFound for the topic; InputError for a record that it cannot take."""
        for partition in {record.partition for record in records}:
            self.check(topic, partition)
        largest = max((len(record.value) for record in records), default=0)
        if largest > MAX_RECORD_BYTES:
            raise too_large(topic, largest, self._target.shown)

    def spans(self, topic: str) -> list[Span]:
        """By partition, its first offset, and the last stable one: what is at or after it may yet be aborted."""
        count = self.count(topic)
        asked = self._describe(topic)
        found = self._spans(topic, range(count))
        return found if self._described(topic, asked) == count else self.spans(topic)

    def span(self, topic: str, partition: int) -> Span:
        """Of one partition."""
        return self._spans(topic, [partition])[0]

    def end(self, topic: str, partition: int) -> int:
        """Of one partition, in one round trip."""
        places = self._places(topic, [partition])
        return self._patient(topic, lambda: self._offsets(places, _LATEST)()[0])

    def trim(self, topic: str, partition: int, before: int) -> None:
        """Records with a smaller offset are gone."""
        at = At(self._target.topic(topic), partition, min(before, self.end(topic, partition)))
        times = {"request_timeout": self._timeout_s, "operation_timeout": self._timeout_s}
        self._patient(topic, lambda: self._result(self._admin.delete_records([at], **times)[at], f"trim {at.topic}"))

    def forget(self, topic: str) -> None:
        """The topic may have been deleted: its number of partitions is asked for again."""
        self._counts.pop(topic, None)

    def _settled(self, topic: str) -> int:
        """The number of partitions of a new topic, once each has its leader and every broker knows."""
        for _ in range(int(self._timeout_s / _PAUSE_S)):
            with contextlib.suppress(NotFound):
                return len(self.spans(topic))
            time.sleep(_PAUSE_S)
        return len(self.spans(topic))

    def _places(self, topic: str, partitions: Iterable[int]) -> list[At]:
        full = self._target.topic(topic)
        return [At(full, partition) for partition in partitions]

    def _describe(self, topic: str) -> Future[Any]:
        full = self._target.topic(topic)
        futures: Mapping[str, Future[Any]] = self._admin.describe_topics(
            TopicCollection([full]), request_timeout=self._timeout_s
        )
        return futures[full]

    def _described(self, topic: str, asked: Future[Any]) -> int:
        self.forget(topic)
        self._counts[topic] = count = len(self._result(asked, f"look at topic {self._target.topic(topic)}").partitions)
        return count

    def _spans(self, topic: str, partitions: Iterable[int]) -> list[Span]:
        places = self._places(topic, partitions)
        return self._patient(topic, lambda: self._spans_now(places))

    def _spans_now(self, places: list[At]) -> list[Span]:
        starts, ends = self._offsets(places, _EARLIEST), self._offsets(places, _LATEST)
        return [Span(start, end) for start, end in zip(starts(), ends(), strict=True)]

    def _offsets(self, places: Iterable[At], which: OffsetSpec) -> Callable[[], list[int]]:
        """They are asked for at once, and waited for when they are called for."""
        futures = self._admin.list_offsets(
            dict.fromkeys(places, which),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self._timeout_s,
        )
        return lambda: [self._result(future, f"look at topic {at.topic}").offset for at, future in futures.items()]

    def _patient(self, topic: str, ask: Callable[[], Value]) -> Value:
        """The answer; where partitions move, it is asked for again until the time is over."""
        for _ in range(int(self._timeout_s / _PAUSE_S)):
            try:
                return ask()
            except Transient as problem:
                cause = problem.__cause__
                if not isinstance(cause, KafkaException) or error_of(cause).code() not in _MOVES:
                    raise
            time.sleep(_PAUSE_S)
            self._look_again(topic)
        return ask()

    def _look_again(self, topic: str) -> None:
        """The client learns who leads the partitions now; these answers do not make it ask by itself."""
        self.count(topic, known=False)
        with contextlib.suppress(KafkaException):
            self._admin.list_topics(self._target.topic(topic), timeout=self._timeout_s)

    def _result(self, future: Future[Value], doing: str) -> Value:
        try:
            return future.result(self._timeout_s + _SLACK_S)
        except KafkaException as problem:
            if error_of(problem).code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise _TopicThere(doing) from None
            raise self._failed(error_of(problem), doing) from problem
        except NoAnswer:
            raise self._failed(KafkaError(KafkaError._TIMED_OUT), doing) from None

    def _failed(self, error: KafkaError, doing: str) -> GaplessError:
        return failed(error, self._target.shown, doing, last=self._troubles.last)


class _TopicThere(GaplessError):
    """Not the reader's concern: `create` says how many partitions it has."""
