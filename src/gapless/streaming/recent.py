"""What the records of some keys were a moment ago, so that a request can be answered as of its own instant.

records   r0 ──batch 1──► r1 ──batch 2──► r2          t lies before events of batch 2 became visible, and after
events        a  b            c  d                    those of r0: r0, with what of a b c d was visible at t
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gapless.online.keyed import Keyed, KeyedEvents
from gapless.online.layout import Layout
from gapless.online.record import Record, oldest_kept_us, pack, unpack
from gapless.windows.states import build, merge
from gapless.windows.window import BEGINNING

__all__ = ["Recent", "Step"]

Ints = npt.NDArray[np.int64]
_STEP_BYTES = 4_000  # of objects and arrays, whatever is in them


@dataclass(frozen=True)
class Step:
    """One batch of one part: the records before it, and its events."""

    before: Mapping[bytes, bytes | None]
    keyed: Keyed

    @cached_property
    def size(self) -> int:
        """About how much memory it holds."""
        events = self.keyed.events
        records = sum(len(data or b"") + len(key) for key, data in self.before.items())
        return _STEP_BYTES + records + 200 * len(self.before) + len(events.key) * (40 + 9 * len(events.inputs))

    @cached_property
    def _codes(self) -> Mapping[bytes, int]:
        return {key: code for code, key in enumerate(self.keyed.keys)}

    @cached_property
    def _by_key(self) -> tuple[Ints, Ints]:
        """(rows in the order of their keys, where each key begins)."""
        order = np.argsort(self.keyed.events.key, kind="stable")
        return order, np.searchsorted(self.keyed.events.key[order], np.arange(len(self.keyed.keys) + 1))

    def events(self, key: bytes, at_us: int) -> KeyedEvents:
        """Those of a key that are visible at an instant."""
        order, starts = self._by_key
        code = self._codes[key]
        rows = order[starts[code] : starts[code + 1]]
        return self.keyed.events.take(rows[self.keyed.events.visible_from[rows] <= at_us])


class Recent:
    """The last batches of one part.

    Parameters:
        max_bytes — of records and events that are kept; the oldest batches are let go of.
    """

    def __init__(self, layout: Layout, *, max_bytes: int) -> None:
        self._layout, self._max_bytes = layout, max_bytes
        self._steps: deque[Step] = deque()
        self._of_key: dict[bytes, deque[Step]] = {}
        self.kept_bytes = 0

    def add(self, step: Step) -> None:
        """The newest batch."""
        self._steps.append(step)
        self.kept_bytes += step.size
        for key in step.before:
            self._of_key.setdefault(key, deque()).append(step)
        while self.kept_bytes > self._max_bytes and len(self._steps) > 1:
            self._let_go(self._steps.popleft())

    def _let_go(self, step: Step) -> None:
        self.kept_bytes -= step.size
        for key in step.before:
            steps = self._of_key[key]
            steps.popleft()
            if not steps:
                del self._of_key[key]

    def as_of(self, key: bytes, current: bytes | None, at_us: int) -> bytes | None:
        """The record of a key with the events that are visible at an instant and no other.

        Where the instant lies further back than is known, it is the current record, whose newest event says so: with
        some later events and without others, nobody could tell afterwards which ones were in.

        Parameters:
            current — the record after the newest batch.

        Raises: CorruptData.

        Cost: nothing where every event of the record was visible by then, which is the rule; else about 0.2 ms.
        """
        if current is None or key not in self._of_key:  # also offset records and the like
            return current
        record = unpack(current)
        if record.newest_us <= at_us:
            return current
        found = self._back(key, at_us)
        return current if found is None else self._made(record.position, *found, key, at_us)

    def _back(self, key: bytes, at_us: int) -> tuple[Record | None, list[Step]] | None:
        """(the newest record that holds nothing that was not visible; the batches since); None where there is none."""
        steps: list[Step] = []
        for step in reversed(self._of_key[key]):
            data = step.before[key]
            base = None if data is None else unpack(data)
            steps.append(step)
            if base is None or base.newest_us <= at_us:
                return base, steps
        return None

    def _made(self, position: int, base: Record | None, steps: list[Step], key: bytes, at_us: int) -> bytes:
        plan = self._layout.plan
        if base is None:
            base = Record(position, BEGINNING, b"", b"")
        base = base.at(plan.tiles, at_us)
        tiles, newest = base.tiles, base.newest_us
        for events in self._parts(key, steps, at_us):
            alone = KeyedEvents(np.zeros_like(events.key), events.time, events.known, events.offset, events.inputs)
            (state,) = build(plan, alone.sorted(), 1)
            newest = max(newest, int(events.visible_from.max()))
            (tiles,) = merge(plan, [(tiles, state)], oldest_us=oldest_kept_us(newest))
        return pack(Record(position, newest, b"", tiles))

    @staticmethod
    def _parts(key: bytes, steps: list[Step], at_us: int) -> Iterator[KeyedEvents]:
        for step in steps:
            events = step.events(key, at_us)
            if len(events.key):
                yield events
