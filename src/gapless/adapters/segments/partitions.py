"""The partitions of all topics of a folder, opened when they are first used, and what they take."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

from gapless.adapters.segments.disk import Disk, saying
from gapless.adapters.segments.partition import Partition
from gapless.adapters.segments.together import Together
from gapless.adapters.segments.topics import TopicFolder
from gapless.errors import InputError
from gapless.ports.events import MAX_RECORD_BYTES, Outgoing

__all__ = ["Partitions"]

_MAX_REST_BYTES = 100_000
_MAX_NAME_BYTES = 1_000


class Partitions:
    """Guarantees: safe to share between threads.

    Attributes:
        together — for work on several of them.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder, self._disk = folder, disk
        self._topics = TopicFolder(folder, disk)
        self._opened: dict[str, list[Partition]] = {}
        self._opening = threading.Lock()
        self.together = Together()

    def create(self, topic: str, count: int) -> int:
        """See EventLog.create."""
        with saying(self._folder, "create a topic of the event log"):
            return self._topics.create(topic, count)

    def of(self, topic: str) -> list[Partition]:
        """All of them. Raises: NotFound."""
        found = self._opened.get(topic)
        return found if found is not None else self._open(topic)

    def one(self, topic: str, number: int) -> Partition:
        """Raises: NotFound; InputError for a number that the topic does not have."""
        partitions = self.of(topic)
        if not 0 <= number < len(partitions):
            raise _no_partition(topic, number, len(partitions))
        return partitions[number]

    def checked(self, topic: str, records: Sequence[Outgoing]) -> list[Partition]:
        """All of them. Raises: NotFound; InputError where one of the records cannot be taken."""
        partitions = self.of(topic)
        count = len(partitions)
        for record in records:
            if not 0 <= record.partition < count:
                raise _no_partition(topic, record.partition, count)
            if len(record.value) > MAX_RECORD_BYTES:
                raise InputError("a record is too large", seen=len(record.value), allowed=f"{MAX_RECORD_BYTES} bytes")
            if record.key or record.headers:
                _check_rest(record)
        return partitions

    def close(self) -> None:
        """Threads and files are let go of."""
        self.together.close()
        for partition in [one for partitions in self._opened.values() for one in partitions]:
            partition.close()

    def _open(self, topic: str) -> list[Partition]:
        with saying(self._folder, "read a topic of the event log"), self._opening:
            numbers = range(self._topics.partitions(topic))
            if topic not in self._opened:
                self._opened[topic] = [self._open_one(topic, number) for number in numbers]
        return self._opened[topic]

    def _open_one(self, topic: str, number: int) -> Partition:
        seed = zlib.crc32(f"{topic}/{number}".encode())
        return Partition(self._topics.path(topic, number), number, seed=seed, name=topic, disk=self._disk)


def _check_rest(record: Outgoing) -> None:
    """Key and headers leave room for the value in what a broker takes."""
    names = [len(name.encode()) for name in record.headers]
    size = len(record.key) + sum(names) + sum(map(len, record.headers.values()))
    if size > _MAX_REST_BYTES or max(names, default=0) > _MAX_NAME_BYTES:
        raise InputError(
            "key and headers of a record are too large",
            seen=size,
            allowed=f"{_MAX_REST_BYTES} bytes, names of headers up to {_MAX_NAME_BYTES}",
        )


def _no_partition(topic: str, number: int, count: int) -> InputError:
    return InputError(f"topic {topic} has no such partition", seen=number, allowed=f"0 to {count - 1}")
