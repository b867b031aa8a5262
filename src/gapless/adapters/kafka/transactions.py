"""Records and offsets that are in the log together, or not at all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as At

from gapless.adapters.kafka.clients import Troubles, error_of, make_producer
from gapless.adapters.kafka.failures import failed
from gapless.adapters.kafka.producing import PRODUCER_DEFAULTS, Delivery, produce
from gapless.adapters.kafka.urls import Target
from gapless.ports.events import Outgoing, Place

__all__ = ["COMMIT_POINTS", "TransactionalWriter"]

COMMIT_POINTS = ("commit.begun", "commit.produced", "commit.offsets", "commit.committed")
"""Where a crash of `commit` may leave something: an open transaction, at the last one a whole one."""
_LEAST_MS = 10_000
_CLOSING_S = 2.0
_SLACK_S = 1.0


class TransactionalWriter:
    """Writes transactions, one at a time. One thread at a time.

    What goes wrong is taken back, and the producer given up. The next one, of the same transactional id, first ends
    what the last one may have left: after that no transaction of this writer is open, and none can come.
    """

    def __init__(self, target: Target, transactional_id: str, timeout_s: float) -> None:
        self._target, self._id, self._timeout_s = target, transactional_id, timeout_s
        self._troubles = Troubles()
        self._producer: Producer | None = None
        self._starting = self._unsettled = False

    def commit(
        self, outputs: Sequence[tuple[str, Outgoing]], offsets: list[At], identity: Any, passed: Callable[[str], None]
    ) -> list[Place]:
        """Both are in the log; gives where the outputs lie.

        Parameters:
            outputs — each with what its topic is called on the brokers.
            identity — of the group's member, as its consumer gave it.
            passed — called at each of COMMIT_POINTS.

        Raises: Conflict where the coordinator of the group does not know the identity; Transient; Refused.
        """
        self.settle()
        producer = self._ready()
        try:
            self._unsettled = True
            places = self._transaction(producer, outputs, offsets, identity, passed)
            self._unsettled = False
        except KafkaException as problem:
            self._take_back(self._timeout_s)
            raise self._failed(problem, "commit to the event log") from None
        passed("commit.committed")
        return places

    def settle(self) -> None:
        """No transaction of this writer is undecided after this. Raises: Transient."""
        if self._unsettled:
            if not self._starting:
                self._take_back(self._timeout_s)
            self._ready()
            self._unsettled = False

    def close(self) -> None:
        """An open transaction is aborted, so that nobody has to wait until it is too old."""
        if self._unsettled:
            self._take_back(_CLOSING_S)
        self._producer = None

    def _transaction(
        self,
        producer: Producer,
        outputs: Sequence[tuple[str, Outgoing]],
        offsets: list[At],
        identity: Any,
        passed: Callable[[str], None],
    ) -> list[Place]:
        producer.begin_transaction()
        passed("commit.begun")
        delivery = Delivery(len(outputs))
        for index, (topic, record) in enumerate(outputs):
            produce(producer, topic, record, delivery.callback(index), self._timeout_s)
        passed("commit.produced")
        if offsets:
            self._send_offsets(producer, offsets, identity, delivery)
        passed("commit.offsets")
        left = producer.flush(self._timeout_s)
        if left or delivery.error is not None:
            raise KafkaException(delivery.error or KafkaError(KafkaError._TIMED_OUT))
        producer.commit_transaction(self._timeout_s)
        return delivery.places

    def _send_offsets(self, producer: Producer, offsets: list[At], identity: Any, delivery: Delivery) -> None:
        """Where the brokers have refused a record meanwhile, that is what is raised: the client says only that the
        transaction is in no state to go on.
        """
        try:
            _within(
                self._timeout_s + _SLACK_S,
                lambda: producer.send_offsets_to_transaction(offsets, identity, self._timeout_s),
            )
        except KafkaException:
            producer.flush(_SLACK_S)
            if delivery.error is not None:
                raise KafkaException(delivery.error) from None
            raise

    def _ready(self) -> Producer:
        """A producer without a transaction. What another one of this id left open is ended by its start."""
        if self._producer is None:
            fixed = {"transactional.id": self._id, "enable.idempotence": True}
            self._producer = make_producer(self._target, self._troubles, _defaults(self._timeout_s), fixed)
            self._starting = True
        if self._starting:
            try:
                self._producer.init_transactions(self._timeout_s)
                self._starting = False
            except KafkaException as problem:
                if not error_of(problem).retriable():  # else the next call goes on where this one ran out of time
                    self._producer = None
                raise self._failed(problem, "begin with transactions") from None
        return self._producer

    def _take_back(self, timeout_s: float) -> None:
        """The transaction is aborted, at once or by the next producer; one that aborted may purge what follows, too."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with contextlib.suppress(KafkaException):
            producer.abort_transaction(timeout_s)
            self._unsettled = False
        producer.purge()

    def _failed(self, problem: KafkaException, doing: str) -> Exception:
        return failed(error_of(problem), self._target.shown, doing, last=self._troubles.last)


def _defaults(timeout_s: float) -> Mapping[str, Any]:
    age_ms = max(_LEAST_MS, int(timeout_s * 1000))  # after it the brokers abort what a dead member left
    # A transaction that follows another closely is turned away until the last one's markers are written: a few ms.
    return {**PRODUCER_DEFAULTS, "linger.ms": 0, "retry.backoff.ms": 5, "transaction.timeout.ms": age_ms}


def _within(seconds: float, call: Callable[[], None]) -> None:
    """The call has come to its end. Raises: KafkaException, also where it does not.

    The client library's own timeout does not hold for it where the group's coordinator was lost and found again: it may
    wait for ever. It is left to a thread then, and the producer given up: the next one fences it.
    """
    problems: list[KafkaException] = []

    def run() -> None:
        try:
            call()
        except KafkaException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name="kafka-offsets", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    if problems:
        raise problems[0]
