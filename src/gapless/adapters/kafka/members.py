"""Members of consumer groups: each holds some partitions, and commits as the one who holds them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as At

from gapless.adapters.kafka.clients import Troubles, error_of, make_consumer
from gapless.adapters.kafka.failures import failed, not_yours
from gapless.adapters.kafka.topics import Topics
from gapless.adapters.kafka.transactions import TransactionalWriter
from gapless.adapters.kafka.urls import Target
from gapless.errors import Transient
from gapless.faults import Fault
from gapless.ports.events import Outgoing, Place, TopicPartition

__all__ = ["KafkaMember"]

_DEFAULTS: Mapping[str, Any] = {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 500}
_FIXED: Mapping[str, Any] = {
    "group.protocol": "classic",  # the other one leaves the session's length to the brokers: 45 s
    "partition.assignment.strategy": "cooperative-sticky",
    "isolation.level": "read_committed",  # makes `committed` wait for transactions that are undecided
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "latest",
}
_JOINING_S = 0.05
_NOTHING: frozenset[TopicPartition] = frozenset()


class KafkaMember:
    """A consumer that fetches nothing: it holds partitions, and commits.

    Guarantees: a commit carries the identity that the member had when `assigned` was called last. Whoever was taken
    for dead meanwhile, or is of an older generation, is turned down by the group's coordinator, and its transaction is
    aborted. Threads may share it; their calls go one after the other.

    Parameters:
        topics — what they are called here.
        transactional_id — of this member alone, never used before.
    """

    def __init__(
        self,
        target: Target,
        known: Topics,
        group: str,
        topics: Sequence[str],
        *,
        transactional_id: str,
        timeout_s: float,
        fault: Fault,
    ) -> None:
        self._target, self._known, self._group, self._timeout_s, self._fault = target, known, group, timeout_s, fault
        self._names = {target.topic(topic): topic for topic in topics}
        self._lock, self._closed = threading.Lock(), False
        self._writer = TransactionalWriter(target, transactional_id, timeout_s)
        self._held: frozenset[TopicPartition] = _NOTHING  # by what the coordinator said last
        self._owned, self._identity = _NOTHING, b""  # by what the caller was told last
        self._troubles = Troubles()
        self._consumer = make_consumer(target, self._troubles, _DEFAULTS, {**_FIXED, "group.id": target.group(group)})
        heard = {"on_assign": self._on_assign, "on_revoke": self._on_revoke, "on_lost": self._on_revoke}
        self._consumer.subscribe(list(self._names), **heard)

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are this member's; none while it joins. Raises: Transient; Refused."""
        with self._lock:
            if self._closed:
                return _NOTHING
            self._listen()
            self._identity = self._consumer.consumer_group_metadata()
            self._owned = self._held if self._is_known() else _NOTHING
            return self._owned

    def committed(self, partition: TopicPartition) -> int | None:
        """The offset that the group goes on at; waits for a transaction that may yet move it. Raises: Transient."""
        with self._lock:
            self._writer.settle()
            at = At(self._target.topic(partition.topic), partition.partition)
            try:
                (found,) = self._consumer.committed([at], self._timeout_s)
            except KafkaException as problem:
                raise self._failed(error_of(problem), "look at the group's offsets") from None
            if found.error is not None:
                raise self._failed(found.error, "look at the group's offsets")
            return found.offset if found.offset >= 0 else None

    def commit(self, outputs: Sequence[tuple[str, Outgoing]], offsets: Mapping[TopicPartition, int]) -> list[Place]:
        """Outputs and offsets are one transaction. Raises: Conflict; Transient; InputError; NotFound."""
        with self._lock:
            for topic, record in outputs:
                self._known.check_records(topic, [record])
            if self._closed or not offsets.keys() <= self._owned:
                raise not_yours(f"a commit for {sorted(offsets.keys() - self._owned)}", self._target.shown)
            named = [(self._target.topic(topic), record) for topic, record in outputs]
            ats = [At(self._target.topic(p.topic), p.partition, offset) for p, offset in offsets.items()]
            return self._writer.commit(named, ats, self._identity, lambda point: self._fault(point, self._group))

    def close(self) -> None:
        """It leaves the group: its partitions are free at once."""
        with self._lock:
            if not self._closed:
                self._closed, self._owned = True, _NOTHING
                self._writer.close()
                self._consumer.close()

    def _listen(self) -> None:
        """What the coordinator has to say is heard: partitions come and go in here."""
        self._troubles.down = False
        message = self._consumer.poll(0.0 if self._held else _JOINING_S)
        while message is not None:
            error = message.error()
            problem = None if error is None else self._failed(error, f"be a member of group {self._group}")
            if problem is not None and not isinstance(problem, Transient):
                raise problem
            message = self._consumer.poll(0.0)
        if self._troubles.down and not self._held:
            raise self._failed(KafkaError(KafkaError._ALL_BROKERS_DOWN), f"join group {self._group}")

    def _is_known(self) -> bool:
        """Whether the identity is one that the coordinator will check.

        A member that has just been lost has no id until it joins again, and the coordinator takes commits without one,
        as from a consumer that is in no group.
        """
        name = self._consumer.memberid()
        return bool(name) and name.encode() in self._identity

    def _on_assign(self, consumer: Consumer, partitions: list[At]) -> None:
        """They are paused: records are read elsewhere, from the places that the caller chooses."""
        consumer.incremental_assign([At(one.topic, one.partition, OFFSET_END) for one in partitions])
        consumer.pause(partitions)
        self._held |= self._named(partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[At]) -> None:
        self._held -= self._named(partitions)
        consumer.incremental_unassign(partitions)

    def _named(self, partitions: list[At]) -> frozenset[TopicPartition]:
        return frozenset(TopicPartition(self._names[one.topic], one.partition) for one in partitions)

    def _failed(self, error: KafkaError, doing: str) -> Exception:
        return failed(error, self._target.shown, doing, last=self._troubles.last)
