"""Where a micro-batch ends: at one instant of the log, for all partitions that are read.

partition 0   ──a──────b────c──│───d─────            the records up to an instant form the batch; a request is never
partition 1   ─────────────e───│──f──────            answered before events that were pushed before it are in
requests      ───────q─────────│────────r
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Cut", "Queue", "cut"]


@dataclass(frozen=True)
class Queue:
    """Records of a partition that wait.

    Parameters:
        instants — of appending, none smaller than the one before it; sizes — bytes of each.
        at_end — there were no more when they were read.
    """

    instants: Sequence[int]
    sizes: Sequence[int]
    at_end: bool


@dataclass(frozen=True)
class Cut:
    """Where a batch ends.

    Parameters:
        counts — records of each queue.
        known_us — every record of an earlier instant is in the batch or in one before; None: every record that was read
            is, and every queue was at its end.
    """

    counts: Mapping[Any, int]
    known_us: int | None


def cut(queues: Mapping[Any, Queue], *, max_bytes: int) -> Cut:
    """How many records of each queue make the next batch.

    Guarantees: some record is taken where there is one. Records are taken in the order of their instants over all
        queues, all of one instant or none, and none that is later than what was read of a queue that has more.
    """
    bound = min((queue.instants[-1] for queue in queues.values() if not queue.at_end and queue.instants), default=None)
    waiting = sorted(pair for queue in queues.values() for pair in zip(queue.instants, queue.sizes, strict=True))
    # Of the last instant that was read of a queue, more records may follow.
    sure = waiting if bound is None else [pair for pair in waiting if pair[0] < bound]
    among = sure or [pair for pair in waiting if pair[0] == bound]
    last = _last(among, max_bytes)
    if last is None:
        return Cut(dict.fromkeys(queues, 0), None)
    counts = {name: _up_to(queue.instants, last) for name, queue in queues.items()}
    everything = bound is None and last == waiting[-1][0]
    return Cut(counts, None if everything else last)


def _last(waiting: Sequence[tuple[int, int]], max_bytes: int) -> int | None:
    """The instant at which so many bytes are together, with all of that instant."""
    last, total = None, 0
    for instant, size in waiting:
        if last is not None and instant != last and total + size > max_bytes:
            break
        last, total = instant, total + size
    return last


def _up_to(instants: Sequence[int], last: int) -> int:
    count = len(instants)
    while count and instants[count - 1] > last:
        count -= 1
    return count
