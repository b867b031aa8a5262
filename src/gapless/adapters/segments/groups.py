"""One member of a group: the lease on its partitions, and commits that are all done or not at all.

groups/<group>/lease      who holds a flock on it has all partitions; the system lets go of it when the process dies
groups/<group>/commits    see `group_file`; only the holder of the lease writes to it
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from gapless.adapters.segments.disk import Disk, saying
from gapless.adapters.segments.durable import make_folder
from gapless.adapters.segments.group_file import Commit, Output
from gapless.adapters.segments.group_writer import GroupWriter
from gapless.adapters.segments.partitions import Partitions
from gapless.errors import Conflict, InputError
from gapless.ports.events import MAX_OFFSET, Outgoing, Place, TopicPartition

__all__ = ["FileMember"]


class FileMember:
    """A member of a group on one machine: it has all partitions, or none while another one lives.

    Guarantees: safe to share between threads. A commit is made once it is on stable storage in the group's file; its
        outputs follow, each partition's at once. Killed in between, the outputs are completed by whoever takes the
        group next, before it is told of any partition: no commit that has begun to be seen is left incomplete, though
        a reader of two partitions may see those of one before those of the other.

    Cost: a commit is one fdatasync, and then one for each partition that it has outputs for, all at once.
    """

    def __init__(self, log: Partitions, folder: Path, mine: frozenset[TopicPartition], disk: Disk) -> None:
        self._log, self._folder, self._mine, self._disk = log, folder, mine, disk
        self._name = hashlib.sha256(folder.name.encode()).digest()[:8]
        self._writer = GroupWriter(folder, disk)
        self._lock = threading.Lock()
        self._handle = -1
        self._held = self._closed = False

    def assigned(self) -> frozenset[TopicPartition]:
        """See Member.assigned. What the last holder left undone is done before anything is given."""
        with self._lock, saying(self._folder, "take a group of the event log"):
            if self._closed or not (self._held or self._take()):
                return frozenset()
            self._finish_last()
            return self._mine

    def committed(self, partition: TopicPartition) -> int | None:
        """See Member.committed. A member without partitions is told of commits that are done."""
        with self._lock, saying(self._folder, "read a group of the event log"):
            if self._held:
                self._finish_last()
                return self._writer.state().offsets.get(partition)
            return self._writer.seen().get(partition)

    def commit(self, outputs: Sequence[tuple[str, Outgoing]], offsets: Mapping[TopicPartition, int]) -> list[Place]:
        """See Member.commit."""
        with self._lock, saying(self._folder, "commit to a group of the event log"):
            self._check_mine(offsets)
            self._finish_last()
            grouped = self._grouped(outputs)
            if not grouped and not offsets:
                return []
            made = Commit(self._writer.state().number + 1, dict(offsets), grouped)
            self._writer.write(made)
            return _places(outputs, self._finish(made))

    def close(self) -> None:
        """See Member.close. Calling it again does nothing."""
        with self._lock:
            self._closed, self._held = True, False
            self._writer.close()
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    # ---- the lease -------------------------------------------------------------------------------

    def _take(self) -> bool:
        if self._handle < 0:
            make_folder(self._folder, self._disk.fsync)
            self._handle = os.open(self._folder / "lease", os.O_RDWR | os.O_CREAT, 0o644)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._held = True
        return self._held

    def _check_mine(self, offsets: Mapping[TopicPartition, int]) -> None:
        others = sorted(set(offsets) - (self._mine if self._held else frozenset()))
        if others or not self._held:
            raise Conflict(
                "a partition is not this member's",
                seen=", ".join(f"{topic}/{number}" for topic, number in others) or "no partition at all",
                next_step="look at what is assigned; whoever has it goes on from the last commit",
                where=str(self._folder),
            )
        for partition, offset in offsets.items():
            if not 0 <= offset <= MAX_OFFSET + 1:
                raise InputError(f"an offset of {partition} is out of range", seen=offset, allowed="0 to 2**36")

    # ---- commits ---------------------------------------------------------------------------------

    def _grouped(self, outputs: Sequence[tuple[str, Outgoing]]) -> list[Output]:
        """By partition, checked whole before anything is done."""
        by_topic: dict[str, list[Outgoing]] = {}
        by_partition: dict[TopicPartition, list[Outgoing]] = {}
        for topic, record in outputs:
            by_topic.setdefault(topic, []).append(record)
            by_partition.setdefault(TopicPartition(topic, record.partition), []).append(record)
        for topic, records in by_topic.items():
            self._log.checked(topic, records)
        return [
            Output(partition, self._log.one(*partition).span().end, records)
            for partition, records in by_partition.items()
        ]

    def _finish_last(self) -> None:
        """The last commit of the group, whoever made it, is done."""
        pending = self._writer.state().pending
        if pending is not None:
            self._finish(pending, once=True)

    def _finish(self, commit: Commit, *, once: bool = False) -> dict[TopicPartition, int]:
        """The outputs are in their partitions; gives the offset of the first in each.

        Parameters:
            once — some may be there already.
        """
        name = self._name + commit.number.to_bytes(8, "little")
        firsts = self._log.together.run([partial(self._append, output, name, once) for output in commit.outputs])
        self._disk.fault("commit-applied", self._folder.name)
        self._writer.done(commit)
        return {output.partition: first for output, first in zip(commit.outputs, firsts, strict=True)}

    def _append(self, output: Output, name: bytes, once: bool) -> int:
        partition = self._log.one(*output.partition)
        if once:
            return partition.append_once(output.records, name, since=output.since)
        return partition.append(output.records, name)


def _places(outputs: Sequence[tuple[str, Outgoing]], next_offset: dict[TopicPartition, int]) -> list[Place]:
    places = []
    for topic, record in outputs:
        partition = TopicPartition(topic, record.partition)
        places.append(Place(record.partition, next_offset[partition]))
        next_offset[partition] += 1
    return places
