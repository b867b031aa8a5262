"""States from events."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from gapless.errors import BugError
from gapless.windows.batch import Ints
from gapless.windows.states.building import build_states
from gapless.windows.states.columns import StateEvents
from gapless.windows.states.logs import log_of
from gapless.windows.states.plan import StatePlan
from gapless.windows.states.words import Bytes
from gapless.windows.window import BEGINNING

__all__ = ["build", "built", "oldest_tiles", "sealed"]


def build(plan: StatePlan, events: StateEvents, keys: int, *, oldest_us: int | None = None) -> list[bytes]:
    """The state of each key 0 .. keys - 1, of these events alone.

    Parameters:
        keys — how many; one without events gets the state of no events.
        oldest_us — leave out tiles that no read at this instant or later looks at.
    Returns: bytes equal to those of `plan.tiles.empty().add(the key's events).prune(oldest_us).to_bytes()`.
    Raises: BugError for events that are not sorted or hold other inputs than the plan wants.
    Cost: a few ns per event, tier and part; the interpreter is not held meanwhile.

    Examples:
        >>> from gapless.windows import Spec, Window
        >>> from gapless.windows.states import StateInput
        >>> plan = StatePlan((Spec("last", 0, Window(None, 0)),), ("text",))
        >>> ints = lambda *numbers: np.array(numbers, np.int64)
        >>> names = StateInput(ints(1, 0), np.array([True, True]), ["late", "early"])
        >>> states = build(plan, StateEvents(ints(0, 0), ints(5, 9), ints(5, 9), ints(0, 1), (names,)), 2)
        >>> from gapless.windows.tiles import Tiles
        >>> [Tiles.from_bytes(plan.tiles, state).read(10) for state in states]
        [(('late',),), ((None,),)]
    """
    return sealed(*built(plan, events, keys, oldest_us))


def built(plan: StatePlan, events: StateEvents, keys: int, oldest_us: int | None = None) -> tuple[Bytes, Ints]:
    """The same without checksums: their bytes, and where each begins and ends. Behind each is room for a checksum."""
    tables = plan.tables
    _check(plan, events, keys)
    log = log_of(plan, events)
    key = np.ascontiguousarray(events.key)
    oldest = oldest_tiles(plan, oldest_us)
    out, ends, disorder = build_states(key, log, tables.tiers, tables.slots, oldest, tables.fingerprint, keys)
    if disorder >= 0:
        raise BugError("events are not sorted by key, event time, known_at and offset", seen=f"row {disorder}")
    return out, ends


def oldest_tiles(plan: StatePlan, oldest_us: int | None) -> Ints:
    """By tier, where the first tile begins that a read at that instant or later may look at."""
    tiers = plan.tiles.tiers
    starts = [BEGINNING if oldest_us is None else max(tier.oldest(oldest_us), BEGINNING) for tier in tiers]
    return np.array(starts, np.int64)


def sealed(out: Bytes, ends: Ints) -> list[bytes]:
    """States with their checksums. Behind each is room for one."""
    view = out.data
    states = []
    for start, stop in ends.tolist():
        view[stop : stop + 4] = crc32(view[start:stop]).to_bytes(4, "little")
        states.append(bytes(view[start : stop + 4]))
    return states


def _check(plan: StatePlan, events: StateEvents, keys: int) -> None:
    if len(events) and not 0 <= int(events.key[0]) <= int(events.key[-1]) < keys:
        raise BugError("a key out of range", seen=(int(events.key[0]), int(events.key[-1])), allowed=f"below {keys}")
    if len(events.inputs) != len(plan.kinds):
        raise BugError("a plan of other inputs", seen=len(events.inputs), allowed=str(len(plan.kinds)))
    for kind, each in zip(plan.kinds, events.inputs, strict=True):
        numbers = kind in ("float", "bool")
        if numbers != (each.values.dtype == np.float64) or (kind == "text") != (each.texts is not None):
            raise BugError("an input of another kind", seen=str(each.values.dtype), allowed=kind)
        if numbers and not np.isfinite(each.values).all(where=each.valid):
            raise BugError("a valid value is not finite")
