"""Random events of a few keys with inputs of every kind, and their states by `windows.tiles`, the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from gapless.windows import FUNCTIONS, Spec, Window
from gapless.windows.codec import Value
from gapless.windows.states import Kind, StateEvents, StateInput, StatePlan
from gapless.windows.tiles import Arrival, Tiles

WINDOWS = (Window(None, 0), Window(40, 0), Window(40, 15), Window(100, 15), Window(300, 100))
KINDS: tuple[Kind, ...] = ("float", "bool", "int", "text")
_ACCEPTED = {"float": "float", "bool": "bool", "int": "opaque", "text": "opaque"}


def specs(windows: Sequence[Window], inputs: Sequence[int] = range(4)) -> tuple[Spec, ...]:
    """Every function over every window, on every kind of input that it accepts."""
    counts = [Spec("count", None, window) for window in windows]
    return tuple(counts) + tuple(
        Spec(name, place, window, 3 if name == "last_n" else 1)
        for name, function in FUNCTIONS.items()
        for place in inputs
        if _ACCEPTED[KINDS[place]] in function.accepts
        for window in windows
    )


PLAN = StatePlan(specs(WINDOWS), KINDS)
PLANS = (PLAN, StatePlan(specs(WINDOWS[2:], (0,)), KINDS), StatePlan((Spec("last", 3, WINDOWS[0]),), KINDS))

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e300, -1e300, 1.7976931348623157e308, 5e-324, -5e-324, 2.0**-1022, 2.0**31, -(2.0**31)]
)
INTS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 63, 64, -64, -65, 2**63 - 1, -(2**63)])
TEXTS = st.text(max_size=3) | st.sampled_from(["", "a", "b", "ab", "\x00", "\u07ff\uffff\U0010ffff", "é" * 40])


@dataclass(frozen=True)
class Row:
    """One event; `values` has a value or None for each kind."""

    key: int
    event_time: int
    delay: int
    values: tuple[Value | None, ...]


ROWS = st.lists(
    st.builds(
        Row,
        st.integers(0, 3),
        st.integers(-200, 400) | st.sampled_from([0, 15, 100]),
        st.integers(0, 90),
        st.tuples(st.none() | NUMBERS, st.none() | st.booleans(), st.none() | INTS, st.none() | TEXTS),
    ),
    max_size=20,
)


def arrivals(rows: Sequence[Row], key: int) -> list[Arrival]:
    """The events of a key; the place in the list is the offset."""
    return [
        Arrival((row.event_time, row.event_time + row.delay, offset), row.values)
        for offset, row in enumerate(rows)
        if row.key == key
    ]


def events_of(rows: Sequence[Row]) -> StateEvents:
    """The rows as sorted columns. What stands under a null is nothing that anybody may look at."""
    numbered = list(enumerate(rows))
    numbered.sort(key=lambda pair: (pair[1].key, pair[1].event_time, pair[1].delay, pair[0]))
    order = [(row.key, row.event_time, row.event_time + row.delay, offset) for offset, row in numbered]
    columns = np.array(order, np.int64).reshape(-1, 4).T.copy()
    inputs = [_input([row.values[place] for _, row in numbered], kind) for place, kind in enumerate(KINDS)]
    return StateEvents(*columns, tuple(inputs))


def _input(values: Sequence[Value | None], kind: Kind) -> StateInput:
    valid = np.array([value is not None for value in values], np.bool_)
    if kind == "text":
        texts = list(dict.fromkeys(value for value in reversed(values) if value is not None))
        codes = [-(10**9) if value is None else texts.index(value) for value in values]
        return StateInput(np.array(codes, np.int64), valid, texts)
    if kind == "int":
        return StateInput(np.array([10**9 if value is None else value for value in values], np.int64), valid)
    return StateInput(np.array([np.nan if value is None else value for value in values], np.float64), valid)


def tiles_of(plan: StatePlan, rows: Sequence[Row], key: int) -> Tiles:
    return plan.tiles.empty().add(arrivals(rows, key))


def flat(tiles: Tiles, at_us: int) -> list[Value | None]:
    """What a read gives, as one list."""
    return [value for values in tiles.read(at_us) for value in values]
