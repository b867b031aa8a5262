"""States of disjoint events into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gapless.errors import CorruptData
from gapless.windows.states.builder import oldest_tiles, sealed
from gapless.windows.states.merging import merge_states
from gapless.windows.states.plan import StatePlan
from gapless.windows.states.reader import intact
from gapless.windows.states.words import PADDING

__all__ = ["merge"]

_BLOCK = 1 << 26  # bytes of states that are copied together at a time
_Pairs = Sequence[tuple[bytes, bytes]]


def merge(plan: StatePlan, pairs: _Pairs, *, oldest_us: int | None = None) -> list[bytes]:
    """Per pair the state of the events of both; no event may be in both. b"" stands for a state of no events.

    Parameters:
        oldest_us — leave out tiles that no read at this instant or later looks at.
    Returns: bytes equal to those of `Tiles.merge(...).prune(oldest_us).to_bytes()`.
    Raises: CorruptData for bytes that are no state of this plan; `seen` is the place of the first such pair.
    Cost: the bytes of both, read once; tiles that one of the two has are copied.

    Examples:
        >>> from gapless.windows import Spec, Window
        >>> from gapless.windows.tiles import Arrival
        >>> plan = StatePlan((Spec("sum", 0, Window(None, 0)),), ("float",))
        >>> one, other = (plan.tiles.empty().add([Arrival((t, t, 0), (t / 2,))]) for t in (1, 2))
        >>> merge(plan, [(one.to_bytes(), other.to_bytes())]) == [one.merge(other).to_bytes()]
        True
    """
    return [state for start, block in _blocks(pairs) for state in _merged(plan, start, block, oldest_us)]


def _merged(plan: StatePlan, first: int, pairs: _Pairs, oldest_us: int | None) -> list[bytes]:
    states = [state for pair in pairs for state in pair]
    for place, state in enumerate(states):
        if state and not intact(state):
            raise _damaged(first + place // 2)
    sizes = np.array([len(state) for state in states], np.int64)
    data = np.frombuffer(b"".join([*states, bytes(PADDING)]), np.uint8)
    tables, oldest = plan.tables, oldest_tiles(plan, oldest_us)
    out, ends, damaged = merge_states(data, sizes, tables.tiers, tables.slots, oldest, tables.fingerprint)
    if damaged >= 0:
        raise _damaged(first + damaged)
    return sealed(out, ends)


def _damaged(place: int) -> CorruptData:
    return CorruptData("not the state of a key", seen=place, next_step="rebuild it from the event log")


def _blocks(pairs: _Pairs) -> Iterator[tuple[int, _Pairs]]:
    start = total = 0
    for place, pair in enumerate(pairs, 1):
        total += len(pair[0]) + len(pair[1])
        if total > _BLOCK or place == len(pairs):
            yield start, pairs[start:place]
            start, total = place, 0
