"""FileEventLog: the EventLog and ConsumerGroups ports on files of a local folder.

    topics/<topic>/<partition>/   head, segments      partition: locks, writes, repairs; partition_reader: reads
    groups/<group>/               lease, commits      groups: who has the partitions; group_file: what was committed

Every part says at its top why a crash leaves it whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path

from gapless.adapters.segments.disk import Disk
from gapless.adapters.segments.groups import FileMember
from gapless.adapters.segments.partitions import Partitions
from gapless.adapters.segments.topics import checked_name
from gapless.clock import Clock, SystemClock
from gapless.faults import Fault, no_fault
from gapless.ports.events import (
    EventLogCapabilities,
    LogRecord,
    Outgoing,
    Place,
    Span,
    TopicPartition,
)

__all__ = ["EVENT_LOG_POINTS", "FileEventLog"]

EVENT_LOG_POINTS = (
    *("creating", "created", "repaired", "rotated", "begun", "written", "synced", "published", "trimming", "trimmed"),
    *("commit-begun", "commit-written", "commit-synced", "commit-applied", "commit-done", "commit-kept"),
)
"""Where `fault(point, name)` is called."""


class FileEventLog:
    """Topics in a folder that any number of processes of one machine append to and read.

    Open it after a fork: it holds locks.

    Parameters:
        folder — made with the first topic; on a file system of this machine, since a network one may lie about locks.
        segment_bytes — a partition goes on in a new file once one holds as much. `trim` removes whole files.
        fault — called at each of EVENT_LOG_POINTS; a test raises or kills the process there.
        fdatasync, fsync — what makes a file descriptor durable: its data, or also names.

    Guarantees: safe to share between threads. Where the disk refuses, the call gets a StorageError, the file is brought
        back to what was acknowledged, and the log goes on as soon as the disk does. Readers never wait for writers.

    Cost: an append is one write and one fdatasync for each of its partitions, all at once, shared with all calls that
        came meanwhile. A look at a partition where nothing is new is a few microseconds. The first look at a place in
        the middle of a file walks from frame to frame, up to a second for 64 MiB of single small records. Two files
        are open for each partition that is appended to.

    Examples:
        >>> import tempfile
        >>> log = FileEventLog(tempfile.mkdtemp())
        >>> log.create("events", 2)
        2
        >>> log.append("events", [Outgoing(0, b"one"), Outgoing(1, b"two"), Outgoing(0, b"three")])
        [Place(partition=0, offset=0), Place(partition=1, offset=0), Place(partition=0, offset=1)]
        >>> [record.value for record in log.read("events", 0, 1, max_bytes=1000)]
        [b'three']
        >>> log.spans("events")
        [Span(start=0, end=2), Span(start=0, end=1)]
        >>> log.close()
    """

    capabilities = EventLogCapabilities(transactions="file", local=True)

    def __init__(
        self,
        folder: str | Path,
        *,
        clock: Clock | None = None,
        segment_bytes: int = 1 << 26,
        fault: Fault | None = None,
        fdatasync: Callable[[int], None] = os.fdatasync,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._folder = Path(folder).absolute()
        self._disk = Disk(clock or SystemClock(), segment_bytes, fault or no_fault, fdatasync, fsync)
        self._partitions = Partitions(self._folder, self._disk)
        self._members: list[FileMember] = []

    def create(self, topic: str, partitions: int) -> int:
        """See EventLog.create."""
        return self._partitions.create(topic, partitions)

    def append(self, topic: str, records: Sequence[Outgoing]) -> list[Place]:
        """See EventLog.append."""
        partitions = self._partitions.checked(topic, records)
        by_number: dict[int, list[Outgoing]] = {}
        for record in records:
            by_number.setdefault(record.partition, []).append(record)
        appends = [partial(partitions[number].append, some) for number, some in by_number.items()]
        firsts = self._partitions.together.run(appends)
        if len(firsts) == 1:
            return list(map(Place, repeat(records[0].partition), range(firsts[0], firsts[0] + len(records))))
        return _places(records, dict(zip(by_number, firsts, strict=True)))

    def read(self, topic: str, partition: int, offset: int, *, max_bytes: int) -> list[LogRecord]:
        """See EventLog.read."""
        return self._partitions.one(topic, partition).read(offset, max_bytes)

    def spans(self, topic: str) -> list[Span]:
        """See EventLog.spans."""
        return [partition.span() for partition in self._partitions.of(topic)]

    def trim(self, topic: str, partition: int, before: int) -> None:
        """See EventLog.trim. Files go whole, and the one that is written to stays."""
        self._partitions.one(topic, partition).trim(before)

    def join(self, group: str, topics: Sequence[str]) -> FileMember:
        """See ConsumerGroups.join. Raises: NotFound for a topic that is not there."""
        every = [TopicPartition(topic, p) for topic in topics for p in range(len(self._partitions.of(topic)))]
        folder = self._folder / "groups" / checked_name(group)
        member = FileMember(self._partitions, folder, frozenset(every), self._disk)
        self._members.append(member)
        return member

    def close(self) -> None:
        """See EventLog.close. Members are closed too. Closing it again does nothing."""
        for member in self._members:
            member.close()
        self._partitions.close()


def _places(records: Sequence[Outgoing], next_offset: dict[int, int]) -> list[Place]:
    """Where records lie that follow one another from these offsets on."""
    places = []
    for record in records:
        places.append(Place(record.partition, next_offset[record.partition]))
        next_offset[record.partition] += 1
    return places
