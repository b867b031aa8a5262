"""What batches came to, added up: counts, how far each partition is, what was landed and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gapless.errors import Conflict, GaplessError, StorageError, Transient
from gapless.ports.events import TopicPartition
from gapless.streaming.keeping import Outcome
from gapless.streaming.lander import LanderReport
from gapless.streaming.processor import Step

__all__ = ["Tally"]

_COUNTS = ("events", "duplicates", "rejected", "repeated", "too_late", "late")


@dataclass
class Tally:
    """Of one stream, since it began.

    Parameters:
        fault — what went wrong last, None where the last batch went well.
        idle — batches in a row, up to the last one, that did nothing or failed.
    """

    idle: int = 0
    fault: str | None = None
    landed: LanderReport = field(default_factory=LanderReport)
    _counts: dict[str, Counter[str]] = field(default_factory=dict, repr=False)
    _last: dict[TopicPartition, Outcome] = field(default_factory=dict, repr=False)

    def add(self, outcomes: Iterable[Outcome]) -> tuple[Step, list[GaplessError]]:
        """(what the batch did, what went wrong: first what somebody has to mend)."""
        found = list(outcomes)
        for each in found:
            if each.fault is None:
                self._last[each.where] = each
                self._counts.setdefault(each.source, Counter()).update(each.counts)
        self._add_landed(found)
        events, filled = sum(each.events for each in found), sum(each.filled for each in found)
        self.idle = 0 if events or filled else self.idle + 1
        faults = sorted((each.fault for each in found if each.fault is not None), key=_passes)
        return Step(events, 0, filled, not events and not filled), faults

    def failed(self, error: GaplessError) -> None:
        """A batch was not done, or some of it was not."""
        self.fault = error.what
        self.idle += 1

    def _add_landed(self, found: Sequence[Outcome]) -> None:
        tried = [each for each in found if each.landed is not None or each.unlanded is not None]
        for landed in (each.landed for each in tried if each.landed is not None):
            self.landed.rows += landed.rows
            self.landed.rejected += landed.rejected
            self.landed.duplicates += landed.duplicates
        if tried:
            self.landed.rounds += 1
            self.landed.fault = "; ".join(each.unlanded for each in tried if each.unlanded) or None

    def add_landed(self, report: LanderReport) -> None:
        """What the driver landed itself."""
        self.landed.rows += report.rows
        self.landed.rejected += report.rejected
        self.landed.duplicates += report.duplicates
        self.landed.rounds += report.rounds
        self.landed.fault = report.fault

    def reached(self, ends: Mapping[str, Sequence[int]], mine: Collection[TopicPartition]) -> bool:
        """Whether all of it that is this stream's is in, and readers see every part."""
        found = {where: self._last.get(where) for where in mine if where.topic in ends}
        return bool(found) and all(
            each is not None and each.offset >= ends[where.topic][where.partition] and each.ready == each.parts
            for where, each in found.items()
        )

    def report(self, ends: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Plain values.

        Parameters:
            ends — by source, where each partition of the log ends now.
        """
        last = dict(self._last)  # another thread may ask
        fresh = [each.fresh_us for each in last.values() if each.fresh_us is not None]
        return {
            "sources": {
                name: {each: counts[each] for each in _COUNTS} for name, counts in sorted(dict(self._counts).items())
            },
            "partitions": [
                {"source": each.source, "partition": where.partition,
                 "lag": max(0, ends[each.source][where.partition] - each.offset),
                 "ready": each.ready, "parts": each.parts}
                for where, each in sorted(last.items())
                if each.source in ends
            ],
            "answers": {},
            "landed": vars(self.landed),
            "fresh_us": min(fresh) if fresh else None,
            "fault": self.fault,
        }  # fmt: skip


def _passes(error: GaplessError) -> bool:
    return isinstance(error, Transient | Conflict | StorageError)
