"""The log of what was answered: appended to by servers, read by whoever moves it into the offline store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Done", "LogSegment", "PredictionLog", "PredictionLogReader"]

Done = Callable[[BaseException | None], None]


class PredictionLog(Protocol):
    """One writer's end."""

    def append(self, entries: Sequence[bytes], done: Done) -> None:
        """Takes the entries and returns; `done` is called from another thread, with None once they are on stable
        storage, with a StorageError where they are not and will not be.

        Guarantees: entries of one call stand together and in order. Calls that come while the disk is busy share the
            next sync.
        """
        ...

    def close(self) -> None:
        """What was taken is on stable storage and `done` was called for it; the segment is sealed."""
        ...


@dataclass(frozen=True)
class LogSegment:
    """A sealed piece of the log: nobody writes to it any more."""

    name: str
    entries: int
    bytes: int


class PredictionLogReader(Protocol):
    """The other end."""

    def sealed(self) -> list[LogSegment]:
        """Segments that no living writer holds, oldest first; those of writers that were killed too, without what was
        torn at their end."""
        ...

    def read(self, segment: LogSegment) -> Iterator[bytes]:
        """Its entries in order.

        Raises: CorruptData for a damaged entry before the end.
        """
        ...

    def remove(self, segment: LogSegment) -> None:
        """The segment is gone; called once its entries are elsewhere for good."""
        ...
