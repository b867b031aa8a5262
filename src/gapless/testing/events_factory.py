"""How the checks of an event log open one, wait for it and read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from gapless.errors import InputError, Transient
from gapless.faults import Fault
from gapless.ports.events import ConsumerGroups, EventLog, LogRecord, Member, TopicPartition

__all__ = ["PATIENCE_S", "Factory", "Log", "drain", "eventually", "joined", "opened", "partitions", "refuses"]

PATIENCE_S = 60.0
"""How long a broker may take to move partitions, or to take back what a dead member left."""


class Log(EventLog, ConsumerGroups, Protocol):
    """An event log with its groups."""


class Factory(Protocol):
    """Opens the log of that name; the same name again opens the same one, also from another process.

    It can be pickled, for the checks with several processes. `fault` is called at the points of an append or a commit
    where a crash may leave something, with the point's name and the topic or group; what it raises leaves the call. A
    log without such points takes it and never calls it.
    """

    def __call__(self, name: str, fault: Fault | None = None) -> Log: ...


@contextmanager
def opened(factory: Factory, name: str, fault: Fault | None = None) -> Iterator[Log]:
    """A log that is closed at the end."""
    log = factory(name, fault)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def joined(log: Log, group: str, topics: list[str], *, patience_s: float = PATIENCE_S) -> Iterator[Member]:
    """A member that has every partition of the topics, closed at the end."""
    member = log.join(group, topics)
    try:
        wanted = partitions(log, *topics)
        eventually(lambda: member.assigned() == wanted, "a member alone has every partition", patience_s=patience_s)
        yield member
    finally:
        member.close()


def partitions(log: Log, *topics: str) -> frozenset[TopicPartition]:
    """Every partition of the topics."""
    return frozenset(TopicPartition(topic, p) for topic in topics for p in range(len(log.spans(topic))))


def eventually(condition: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """The condition holds by now. Transient counts as not yet. Raises: AssertionError at the deadline."""
    deadline = time.monotonic() + patience_s
    while not _holds(condition):
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(0.005)


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except Transient:
        return False


def drain(log: EventLog, topic: str, partition: int = 0, *, max_bytes: int = 1 << 20) -> list[LogRecord]:
    """All that the partition holds now, read piece by piece; offsets grow and lie in its span."""
    span = log.spans(topic)[partition]
    found: list[LogRecord] = []
    offset = span.start
    while piece := log.read(topic, partition, offset, max_bytes=max_bytes):
        assert piece[0].offset >= offset, f"asked for offset {offset}, got {piece[0].offset}"
        found += piece
        offset = piece[-1].offset + 1
    offsets = [record.offset for record in found]
    assert offsets == sorted(set(offsets)), "offsets grow"
    assert all(record.partition == partition for record in found)
    return found


def refuses(action: Callable[[], object]) -> None:
    """The action raises InputError."""
    try:
        action()
    except InputError:
        return
    raise AssertionError("no InputError")
