"""The event log: partitioned, offset-addressed, replayable; and groups of consumers that share its partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

__all__ = [
    "MAX_EVENTS",
    "MAX_OFFSET",
    "MAX_PARTITIONS",
    "MAX_RECORD_BYTES",
    "ConsumerGroups",
    "EventLog",
    "EventLogCapabilities",
    "LogRecord",
    "Member",
    "Outgoing",
    "Place",
    "Span",
    "TopicPartition",
]

MAX_PARTITIONS = 1024
MAX_OFFSET = 2**36 - 1
"""The largest offset of a record: `gapless.events` packs partition, offset and the place in a record into 64 bits."""
MAX_EVENTS = 2**16
"""The most events that one record may hold."""
MAX_RECORD_BYTES = 900_000
"""The largest value of a record: below what brokers take by default, their own framing included."""


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True)
class Outgoing:
    """A record to be appended.

    Parameters:
        partition — where it goes; the caller decides, so that every adapter agrees.
        value — up to MAX_RECORD_BYTES.
        key — shown to foreign consumers; empty for none.
        headers — short texts to bytes.
    """

    partition: int
    value: bytes
    key: bytes = b""
    headers: Mapping[str, bytes] = field(default_factory=dict)


class Place(NamedTuple):
    """Where a record lies."""

    partition: int
    offset: int


@dataclass(frozen=True)
class LogRecord:
    """A record that was appended.

    Parameters:
        offset — of the record in its partition; grows, and may leave gaps.
        appended_us — the log's or the producer's instant of appending; need not grow from record to record.
    """

    partition: int
    offset: int
    appended_us: int
    value: bytes
    key: bytes = b""
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """What a partition holds: records with offset in [start, end). `end` is the offset of the next record."""

    start: int
    end: int


@dataclass(frozen=True)
class EventLogCapabilities:
    """Where logs differ.

    Parameters:
        transactions — how `Member.commit` makes outputs and offsets one step: "file" on one machine, "broker" between
            many.
        local — a read takes microseconds and cannot hang.
    """

    transactions: Literal["file", "broker"]
    local: bool


class EventLog(Protocol):
    """Topics of partitions of records. A topic's name has letters, digits, `.`, `_` and `-`, up to 200 of them.

    Raises, from every method: Transient where the log does not answer in time (call again: see `append` for what that
    means), Refused where it says no, StorageError for a full or damaged disk under an embedded one, CorruptData for
    bytes that no log of this layout wrote, InputError for names, partitions and sizes out of range.
    """

    @property
    def capabilities(self) -> EventLogCapabilities:
        """What this log promises beyond the rest; the same for its whole life."""
        ...

    def create(self, topic: str, partitions: int) -> int:
        """The topic is there; gives how many partitions it has, which may differ where it was there before."""
        ...

    def append(self, topic: str, records: Sequence[Outgoing]) -> list[Place]:
        """The records are in the log, durably, each in its partition in the order given; gives where.

        Raises: NotFound for a topic that is not there. After Transient or StorageError some of them, the first ones of
            each partition, may be in the log: who appends again must be able to tell a repeat, as by an event_id.

        Guarantees: a record is whole or not there. A reader never sees one that a crash can take back. Any number of
            threads and processes may append at once; no record is lost, none torn.
        """
        ...

    def read(self, topic: str, partition: int, offset: int, *, max_bytes: int) -> list[LogRecord]:
        """Records with this offset or a later one, in order; an empty list at the end of the partition.

        Parameters:
            max_bytes — of values, about; at least one record comes where there is one.

        Raises: NotFound for a topic that is not there, or an offset before the start of the partition (nothing is
            skipped silently).
        """
        ...

    def spans(self, topic: str) -> list[Span]:
        """By partition, what is there now. Raises: NotFound."""
        ...

    def trim(self, topic: str, partition: int, before: int) -> None:
        """Records with a smaller offset may go; some of them may stay, where a file holds others too."""
        ...

    def close(self) -> None:
        """Files and connections are let go of; the log is not used after it."""
        ...


class Member(Protocol):
    """One consumer of a group: it has some partitions to itself, until it closes, dies or is taken for dead."""

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are this member's now. Called often: it is also the sign of life.

        Raises: Transient.
        """
        ...

    def committed(self, partition: TopicPartition) -> int | None:
        """The offset that the group goes on at; None where it never committed one."""
        ...

    def commit(self, outputs: Sequence[tuple[str, Outgoing]], offsets: Mapping[TopicPartition, int]) -> list[Place]:
        """The outputs (topic, record) are in the log and the offsets are the group's, both or neither.

        Raises: Conflict where a partition is not this member's any more: nothing was done, somebody else goes on from
            the last commit. Transient, StorageError: nothing was done or all of it; `committed` tells after `assigned`.

        Guarantees: readers never see outputs of a commit that did not come to its end. Those of one that did are seen
            at once in an embedded log; on a broker, once it has marked the transaction in every partition: a moment
            later.
        """
        ...

    def close(self) -> None:
        """The partitions are free for others at once."""
        ...


class ConsumerGroups(Protocol):
    """Groups share the partitions of topics among their members: each partition has one member at most."""

    def join(self, group: str, topics: Sequence[str]) -> Member:
        """A new member. An embedded log gives all partitions to the first member, and none to others meanwhile."""
        ...
