"""States with more events in them: built, merged with what is there, cut and sealed in one go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gapless.errors import CorruptData
from gapless.windows.batch import Ints
from gapless.windows.states.builder import built
from gapless.windows.states.columns import StateEvents
from gapless.windows.states.extending import extend_states
from gapless.windows.states.kernels import SEAL
from gapless.windows.states.plan import StatePlan
from gapless.windows.states.retention import oldest_tiles_at
from gapless.windows.states.words import Bytes

__all__ = ["StateBytes", "extend"]


@dataclass(frozen=True)
class StateBytes:
    """The states of some keys in one buffer, a row per key.

    Parameters:
        data — uint8; at least eight bytes follow the last state. What is around states is of no meaning here.
        start, stop — int64; equal where a key has no state.
    """

    data: Bytes
    start: Ints
    stop: Ints


def extend(plan: StatePlan, old: StateBytes, events: StateEvents, oldest_us: Ints, lead: Ints) -> StateBytes:
    """The state of each key with new events in it.

    Parameters:
        old — what each key has.
        events — new ones, sorted, of the keys 0 .. n - 1.
        oldest_us — int64; leave out tiles that no read at the key's instant or later looks at.
        lead — int64; so many bytes are left before each state, at least, which may be written.

    Returns: for each key the bytes of `merge([(old, build(events))], oldest_us=…)`.
    Raises: CorruptData for bytes that are no state of the plan; `seen` is the first such key. BugError as `build` does.
    Cost: the bytes of the old states, read once; the interpreter is not held meanwhile.

    Examples:
        >>> from gapless.windows import Spec, Window
        >>> from gapless.windows.tiles import Tiles
        >>> plan = StatePlan((Spec("count", None, Window(None, 0)),), ())
        >>> ints = lambda *numbers: np.array(numbers, np.int64)
        >>> none, nothing = StateBytes(np.zeros(0, np.uint8), ints(0), ints(0)), ints(0)
        >>> made = extend(plan, none, StateEvents(nothing, ints(5), ints(5), ints(0)), ints(5), nothing)
        >>> again = extend(plan, made, StateEvents(nothing, ints(7), ints(7), ints(1)), ints(7), nothing)
        >>> Tiles.from_bytes(plan.tiles, again.data[again.start[0] : again.stop[0]].tobytes()).read(10)
        ((2.0,),)
    """
    new, ends = built(plan, events, len(old.start))
    places = np.column_stack([old.start, old.stop, ends[:, 0], ends[:, 1] + SEAL])
    instants, cut = np.unique(oldest_us, return_inverse=True)
    tables, cuts = plan.tables, oldest_tiles_at(plan, instants)
    how = cut, cuts, lead, tables.tiers, tables.slots, tables.fingerprint
    made, ends, damaged = extend_states(old.data, new, places, *how)
    if damaged >= 0:
        raise CorruptData("not the state of a key", seen=damaged, next_step="rebuild it from the event log")
    return StateBytes(made, ends[:, 0], ends[:, 1])
