"""Calls that wait for a partition, and the bytes that some of them become."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby

from gapless.adapters.segments.batches import NO_COMMIT, batch_bytes
from gapless.adapters.segments.cells import Cell
from gapless.adapters.segments.frames import frame_bytes
from gapless.ports.events import Outgoing

__all__ = ["Call", "encoded"]

_FRAME_BYTES = 1 << 18
"""Of a plain append, about: a reader of a few records compares the checksum of the whole frame."""


class Call:
    """Records of one append, and how it went.

    Parameters:
        commit — what the records belong to; they stay in one frame then.
    """

    def __init__(self, records: Sequence[Outgoing], commit: bytes) -> None:
        self.records, self.commit = records, commit
        self.first, self.done = -1, False
        self.problem: Exception | None = None
        self._succeeded = False
        self._woken = threading.Event()

    def wait(self) -> None:
        """Until it is done, or has to lead."""
        self._woken.wait()

    def wake(self) -> None:
        """It has to look at how things are."""
        self._woken.set()

    def succeed(self) -> None:
        """The records are in the log, from `first` on."""
        self._succeeded = True

    def end(self, problem: Exception) -> None:
        """It is over; with this problem, unless it succeeded."""
        self.done = True
        self.problem = None if self._succeeded else problem
        self._woken.set()


def encoded(calls: Sequence[Call], cell: Cell, now_us: int, seed: int) -> tuple[bytes, Cell]:
    """The frames of the calls, to be written at the end that the cell names, and the cell after that.

    Every call is told the offset of its first record.
    """
    parts: list[bytes] = []
    after = cell
    for records, commit in _batches(calls):
        payload = batch_bytes(records, after.end, now_us, commit)
        parts.append(frame_bytes(payload, after.size, cell.size, seed))
        after = replace(after, end=after.end + len(records), size=after.size + len(parts[-1]), last_us=now_us)
    first = cell.end
    for call in calls:
        call.first, first = first, first + len(call.records)
    return b"".join(parts), after


def _batches(calls: Sequence[Call]) -> Iterator[tuple[Sequence[Outgoing], bytes]]:
    """Plain calls are joined and cut to size, those of commits stay as they are."""
    for commit, some in groupby(calls, key=lambda call: call.commit):
        records = list(chain.from_iterable(call.records for call in some))
        pieces = _cut(records) if commit == NO_COMMIT else [records]
        yield from ((piece, commit) for piece in pieces)


def _cut(records: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    start = size = 0
    for place, record in enumerate(records):
        size += len(record.value)
        if size > _FRAME_BYTES and place > start:
            yield records[start:place]
            start, size = place, len(record.value)
    yield records[start:]
