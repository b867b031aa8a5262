"""How tests open event logs: values that other processes can be given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.segments import FileEventLog
from gapless.faults import Fault
from gapless.ports.events import EventLog, Outgoing, TopicPartition
from gapless.testing.events_factory import Log, drain


@dataclass(frozen=True)
class OnFiles:
    """A folder for each name.

    Parameters:
        durable — against power cuts too.
    """

    folder: Path
    segment_bytes: int = 1 << 26
    durable: bool = True

    def __call__(self, name: str, fault: Fault | None = None) -> FileEventLog:
        sync = {} if self.durable else {"fdatasync": _nothing, "fsync": _nothing}
        return FileEventLog(self.folder / name, segment_bytes=self.segment_bytes, fault=fault, **sync)


def _nothing(handle: int) -> None:
    """A crash of the process loses nothing that was written."""


TOPIC = "topic"
FIRST = TopicPartition(TOPIC, 0)


def open_log(folder: Path, **options) -> FileEventLog:
    """An embedded log whose topic has two partitions."""
    log = FileEventLog(folder, **options)
    log.create(TOPIC, 2)
    return log


def append(log: EventLog, *values: bytes) -> None:
    """In one call, into the first partition."""
    log.append(TOPIC, [Outgoing(0, value) for value in values])


def values(log: Log, topic: str = TOPIC) -> list[bytes]:
    """All that a reader sees."""
    return [record.value for record in drain(log, topic)]


def segments(folder: Path) -> list[Path]:
    """Files of the first partition, oldest first."""
    return sorted((folder / "topics" / TOPIC / "0").glob("*.log"))
