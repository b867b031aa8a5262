"""States from events."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gapless.windows.codec import Value
from gapless.windows.states.columns import StateEvents, StateInput
from gapless.windows.states.plan import Kind, StatePlan
from gapless.windows.tiles import Arrival

__all__ = ["build"]


def build(plan: StatePlan, events: StateEvents, keys: int, *, oldest_us: int | None = None) -> list[bytes]:
    """The state of each key 0 .. keys - 1, of these events alone.

    Parameters:
        keys — how many; one without events gets the state of no events.
        oldest_us — leave out tiles that no read at this instant or later looks at.
    Returns: bytes equal to those of `plan.tiles.empty().add(the key's events).prune(oldest_us).to_bytes()`.
    """
    bounds = np.searchsorted(events.key, np.arange(keys + 1)).tolist()
    arrivals = list(_arrivals(plan, events))
    made = (plan.tiles.empty().add(arrivals[a:b]) for a, b in itertools.pairwise(bounds))
    return [(tiles if oldest_us is None else tiles.prune(oldest_us)).to_bytes() for tiles in made]


def _arrivals(plan: StatePlan, events: StateEvents) -> Any:
    orders = zip(events.event_time.tolist(), events.known_at.tolist(), events.offset.tolist(), strict=True)
    columns = [_values(kind, each) for kind, each in zip(plan.kinds, events.inputs, strict=True)]
    rows = zip(*columns, strict=True) if columns else ((),) * len(events)
    return (Arrival(order, tuple(row)) for order, row in zip(orders, rows, strict=True))


def _values(kind: Kind, each: StateInput) -> list[Value | None]:
    texts = each.texts.to_pylist() if hasattr(each.texts, "to_pylist") else each.texts
    as_value: Any = {"float": float, "bool": bool, "int": int, "text": lambda code: str(texts[code])}[kind]
    pairs = zip(each.values.tolist(), each.valid.tolist(), strict=True)
    return [as_value(value) if valid else None for value, valid in pairs]
