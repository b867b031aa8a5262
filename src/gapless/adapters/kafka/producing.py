"""Records on their way to the brokers, and where they came to lie."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gapless.adapters.kafka.clients import Troubles, error_of, make_producer
from gapless.adapters.kafka.failures import failed
from gapless.adapters.kafka.urls import Target
from gapless.faults import Fault
from gapless.ports.events import Outgoing, Place

__all__ = ["APPEND_POINTS", "PRODUCER_DEFAULTS", "Appender", "Delivery", "produce"]

APPEND_POINTS = ("append.produced", "append.acknowledged")
"""Where a crash of `append` may leave something: some of the records under way, all of them in the log."""
PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "compression.type": "lz4",
    "linger.ms": 1,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 1_000_000,
}
_POLL_S = 0.1
_FULL_S = 0.05
_CLOSING_S = 0.5
_SLACK_S = 5.0
_NOWHERE = Place(-1, -1)


class Delivery:
    """What becomes of the records of one call: where each lies, or the first thing that went wrong."""

    def __init__(self, records: int) -> None:
        self.places: list[Place] = [_NOWHERE] * records
        self.error: KafkaError | None = None
        self.done = threading.Event()
        self._expected, self._delivered = records, 0

    def callback(self, index: int) -> Callable[[KafkaError | None, Message], None]:
        """For the record of that number. All of them are called by one thread at a time."""
        return partial(self._arrived, index)

    def stop(self, sent: int, error: KafkaError) -> None:
        """Only so many of the records came on their way."""
        self.error = self.error or error
        self._expected = sent
        if self._delivered == sent:
            self.done.set()

    def _arrived(self, index: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.places[index] = _place(message.partition(), message.offset())
        elif self.error is None or self.error.code() == KafkaError._PURGE_QUEUE:  # what another one led to
            self.error = error
        self._delivered += 1
        if self._delivered == self._expected:
            self.done.set()


class Appender:
    """Appends from any number of threads through one idempotent producer.

    A producer that cannot go on without a gap is given up, and the next call makes another.
    """

    def __init__(self, target: Target, timeout_s: float, fault: Fault) -> None:
        self._target, self._timeout_s, self._fault = target, timeout_s, fault
        self._lock = threading.Lock()
        self._line: _Line | None = None

    def append(self, topic: str, records: Sequence[Outgoing]) -> list[Place]:
        """All of them are in the log; or an error, and perhaps the first ones of each partition are."""
        line, delivery = self._current(), Delivery(len(records))
        _send(line.producer, self._target.topic(topic), records, delivery, self._timeout_s)
        self._fault("append.produced", topic)
        delivered = delivery.done.wait(self._timeout_s + _SLACK_S)
        error = delivery.error if delivered else KafkaError(KafkaError._MSG_TIMED_OUT)
        if error is not None:
            self._give_up(line)
            raise failed(error, self._target.shown, f"append to {self._target.topic(topic)}", last=line.troubles.last)
        self._fault("append.acknowledged", topic)
        return delivery.places

    def close(self) -> None:
        """What is under way is not waited for: nobody was told that it is in the log."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close()

    def _current(self) -> _Line:
        with self._lock:
            if self._line is None:
                self._line = _Line(self._target, self._timeout_s)
            return self._line

    def _give_up(self, line: _Line) -> None:
        """What is missing stays the last record of its partition; and a producer that refuses to go on is replaced."""
        with self._lock:
            if self._line is line:
                self._line = None
        line.close()


class _Line:
    """A producer, and the thread that hears what became of its records."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self.troubles = Troubles()
        fixed = {
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "message.timeout.ms": int(timeout_s * 1000),
        }
        self.producer = make_producer(target, self.troubles, PRODUCER_DEFAULTS, fixed)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="kafka-deliveries", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """What is on the wire is waited for, shortly: it shall not come after what others append next."""
        self.producer.purge(in_queue=True, in_flight=False)
        self._closing.set()
        self._thread.join()
        with contextlib.suppress(KafkaException):
            self.producer.flush(_CLOSING_S)
        self.producer.purge()
        with contextlib.suppress(KafkaException):
            self.producer.flush(0)  # the last callbacks: of what was purged

    def _hear(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(KafkaException):  # raised once, when it will not go on: the callbacks still come
                self.producer.poll(_POLL_S)


def _send(producer: Producer, topic: str, records: Sequence[Outgoing], delivery: Delivery, timeout_s: float) -> None:
    for index, record in enumerate(records):
        try:
            produce(producer, topic, record, delivery.callback(index), timeout_s)
        except KafkaException as problem:
            return delivery.stop(index, error_of(problem))


def produce(producer: Producer, topic: str, record: Outgoing, callback: Callable[..., None], timeout_s: float) -> None:
    """The record is on its way. Raises: KafkaException, also where the queue stays full."""
    looked = False
    for _ in range(int(timeout_s / _FULL_S)):
        try:
            return producer.produce(
                topic,
                record.value,
                record.key or None,
                record.partition,
                on_delivery=callback,
                headers=list(record.headers.items()) or None,
            )
        except BufferError:
            producer.poll(_FULL_S)
        except KafkaException as problem:
            if looked or error_of(problem).code() != KafkaError._UNKNOWN_PARTITION:
                raise
            producer.list_topics(topic, timeout_s)  # a partition that was added: by itself it looks every five minutes
            looked = True
    raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))


def _place(partition: int | None, offset: int | None) -> Place:
    assert partition is not None
    assert offset is not None
    return Place(partition, offset)
