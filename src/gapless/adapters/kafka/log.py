"""The event log's port on Kafka."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gapless.adapters.kafka.members import KafkaMember
from gapless.adapters.kafka.producing import Appender
from gapless.adapters.kafka.reading import Reader
from gapless.adapters.kafka.topics import Topics
from gapless.adapters.kafka.urls import parse_target
from gapless.errors import InputError, Transient
from gapless.faults import Fault, no_fault
from gapless.ports.events import MAX_PARTITIONS, EventLogCapabilities, LogRecord, Outgoing, Place, Span, TopicPartition

__all__ = ["KafkaEventLog"]


class KafkaEventLog:
    """Topics on a Kafka cluster, and groups that share them.

    It creates topics with the brokers' own replication factor and without a retention: records go when they were
    landed and `trim` was called. How safe an acknowledged record is, the cluster decides: replication factor 3,
    `min.insync.replicas=2` and no unclean election of leaders bear the loss of a machine.

    Parameters:
        url — kafka://HOST:PORT[,HOST:PORT]/[?prefix=NAME&OPTION=VALUE], with options of librdkafka by their own names,
            such as `security.protocol`, `linger.ms`, `session.timeout.ms`.
        new_id — gives a text that was never given before, here or on another machine: a member's name.
        timeout_s — after this a broker that does not answer is a Transient; an append may take a second more. It is
            also how long, and at least 10 s, the transaction of a member that died holds up the readers of its outputs.
        fault — called at APPEND_POINTS with the topic, and at COMMIT_POINTS with the group.

    Raises: SettingsError for a URL that is none.

    Guarantees: reads give what is decided: records of transactions that were committed. What was acknowledged before a
        read began is seen by it. Each append and commit is in the log once, however often the client had to send it.
        Safe to share between threads.

    Cost: an append and an empty read take one round trip each, a commit four or five. Reading on from where the last
        read ended comes from memory; reading from elsewhere takes some 20 ms, and where the last thing in a partition
        is the end of a transaction, up to 0.1 s. Each partition that is read on costs up to 8 MB and some idle
        requests per second; the 128 that were read last are kept.
    """

    capabilities = EventLogCapabilities(transactions="broker", local=False)

    def __init__(
        self, url: str, *, new_id: Callable[[], str], timeout_s: float = 10.0, fault: Fault | None = None
    ) -> None:
        self._target, self._new_id, self._timeout_s = parse_target(url), new_id, timeout_s
        self._fault = fault or no_fault
        self._topics = Topics(self._target, timeout_s)
        self._appender = Appender(self._target, timeout_s, self._fault)
        self._reader = Reader(self._target, self._topics, timeout_s)

    def create(self, topic: str, partitions: int) -> int:
        """The topic is there; gives how many partitions it has."""
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise InputError(
                f"topic {topic!r} cannot have so many partitions",
                seen=partitions,
                allowed=f"1 to {MAX_PARTITIONS}",
                next_step="choose another number",
            )
        return self._topics.create(topic, partitions)

    def append(self, topic: str, records: Sequence[Outgoing]) -> list[Place]:
        """The records are with all replicas that are in sync; gives where."""
        self._topics.check_records(topic, records)
        try:
            return self._appender.append(topic, records) if records else []
        except Transient:
            self._topics.forget(topic)  # it may have been deleted: the next call asks
            raise

    def read(self, topic: str, partition: int, offset: int, *, max_bytes: int) -> list[LogRecord]:
        """Records with this offset or a later one; none only where none can be read at or after it."""
        return self._reader.read(TopicPartition(topic, partition), offset, max_bytes)

    def spans(self, topic: str) -> list[Span]:
        """By partition; `end` is the last stable offset: what lies there or later may yet be taken back."""
        return self._topics.spans(topic)

    def trim(self, topic: str, partition: int, before: int) -> None:
        """The brokers delete the records with a smaller offset."""
        self._topics.check(topic, partition)
        self._topics.trim(topic, partition, before)

    def join(self, group: str, topics: Sequence[str]) -> KafkaMember:
        """A new member; it has partitions some `assigned` later. Raises: NotFound for a topic that is not there."""
        for topic in topics:
            self._topics.count(topic)
        return KafkaMember(
            self._target,
            self._topics,
            group,
            topics,
            transactional_id=f"{self._target.group(group)}.{self._new_id()}",
            timeout_s=self._timeout_s,
            fault=self._fault,
        )

    def close(self) -> None:
        """Connections are closed; members close by themselves."""
        self._appender.close()
        self._reader.close()
