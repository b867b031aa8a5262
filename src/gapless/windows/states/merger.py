"""States of disjoint events into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gapless.errors import CorruptData
from gapless.windows.batch import Ints
from gapless.windows.states.builder import oldest_tiles, sealed
from gapless.windows.states.merging import merge_states
from gapless.windows.states.plan import StatePlan
from gapless.windows.states.reader import intact
from gapless.windows.states.tables import joined
from gapless.windows.states.words import PADDING

__all__ = ["StateMerger", "merge"]

_BLOCK = 1 << 26  # bytes of states that are copied together at a time
_Pairs = Sequence[tuple[bytes, bytes]]


class StateMerger:
    """Merges states of several plans in one call.

    Guarantees: any number of threads may merge at once.
    """

    def __init__(self, plans: Sequence[StatePlan]) -> None:
        self._plans, self._tables = tuple(plans), joined([plan.tables for plan in plans])

    def merge(self, pairs: _Pairs, which: Ints | None = None, *, oldest_us: int | None = None) -> list[bytes]:
        """Per pair the state of the events of both; no event may be in both. b"" stands for a state of no events.

        Parameters:
            which — int64, the plan of each pair; None: the first.
            oldest_us — leave out tiles that no read at this instant or later looks at.
        Returns: bytes equal to those of `Tiles.merge(...).prune(oldest_us).to_bytes()`.
        Raises: CorruptData for bytes that are no state of that plan; `seen` is the place of the first such pair.
        Cost: the bytes of both, read once; tiles that one of the two has are copied.
        """
        plans = np.zeros(len(pairs), np.int64) if which is None else which
        oldest = np.concatenate([oldest_tiles(plan, oldest_us) for plan in self._plans])
        return [state for start, block in _blocks(pairs) for state in self._merged(start, block, plans, oldest)]

    def _merged(self, first: int, pairs: _Pairs, which: Ints, oldest: Ints) -> list[bytes]:
        states = [state for pair in pairs for state in pair]
        for place, state in enumerate(states):
            if state and not intact(state):
                raise _damaged(first + place // 2)
        sizes = np.array([len(state) for state in states], np.int64)
        data = np.frombuffer(b"".join([*states, bytes(PADDING)]), np.uint8)
        tables, of_these = self._tables, which[first : first + len(pairs)]
        out, ends, damaged = merge_states(data, sizes, of_these, tables.plans, tables.tiers, tables.slots, oldest)
        if damaged >= 0:
            raise _damaged(first + damaged)
        return sealed(out, ends)


def merge(plan: StatePlan, pairs: _Pairs, *, oldest_us: int | None = None) -> list[bytes]:
    """`StateMerger.merge` of states of one plan.

    Examples:
        >>> from gapless.windows import Spec, Window
        >>> from gapless.windows.tiles import Arrival
        >>> plan = StatePlan((Spec("sum", 0, Window(None, 0)),), ("float",))
        >>> one, other = (plan.tiles.empty().add([Arrival((t, t, 0), (t / 2,))]) for t in (1, 2))
        >>> merge(plan, [(one.to_bytes(), other.to_bytes())]) == [one.merge(other).to_bytes()]
        True
    """
    return StateMerger([plan]).merge(pairs, oldest_us=oldest_us)


def _damaged(place: int) -> CorruptData:
    return CorruptData("not the state of a key", seen=place, next_step="rebuild it from the event log")


def _blocks(pairs: _Pairs) -> Iterator[tuple[int, _Pairs]]:
    start = total = 0
    for place, pair in enumerate(pairs, 1):
        total += len(pair[0]) + len(pair[1])
        if total > _BLOCK or place == len(pairs):
            yield start, pairs[start:place]
            start, total = place, 0
