"""States built in compiled code have the bytes that `Tiles` has, whatever the events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import BugError
from gapless.windows import Spec, Window
from gapless.windows.states import StateEvents, StateInput, StatePlan, build
from gapless.windows.tiles import Arrival, Tiles
from tests.windows.worlds import KINDS, PLAN, PLANS, ROWS, Row, events_of, tiles_of


@given(rows=ROWS, oldest=st.none() | st.integers(-300, 800))
def test_bytes_are_those_of_tiles(rows: list[Row], oldest: int | None) -> None:
    for plan in PLANS:
        states = build(plan, events_of(rows), 5, oldest_us=oldest)
        tiles = [tiles_of(plan, rows, key) for key in range(5)]
        assert states == [(each if oldest is None else each.prune(oldest)).to_bytes() for each in tiles]


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@given(texts=st.lists(st.text(max_size=4), max_size=30), repeat=st.integers(1, 3))
def test_texts_come_in_any_container(texts: list[str], repeat: int) -> None:
    """A dictionary may hold a text twice, and texts that no event has."""
    plan = StatePlan(tuple(Spec(f, 0, Window(None, 0)) for f in ("n_unique", "last", "first")), ("text",))
    given = texts * repeat
    n = len(given)
    times, codes = np.arange(n), np.arange(n)[::-1].copy()
    arrivals = [Arrival((i, i, i), (given[n - 1 - i],)) for i in range(n)]
    wanted = [plan.tiles.empty().add(arrivals).to_bytes()]
    arrow = pa.array(["unused", *given, "x"], pa.string()).slice(1)
    for texts_of in (given, np.array(given, object), arrow, pa.chunked_array([arrow.slice(0, 1), arrow.slice(1)])):
        column = StateInput(codes, np.ones(n, np.bool_), texts_of)
        assert build(plan, StateEvents(np.zeros(n, np.int64), times, times, times, (column,)), 1) == wanted


def test_a_text_may_be_long_and_states_many() -> None:
    plan = StatePlan((Spec("last", 0, Window(None, 0)), Spec("n_unique", 0, Window(10, 5))), ("text",))
    texts = ["x" * (1 << 20), "é", ""]
    key = np.arange(300)
    column = StateInput(key % 3, np.ones(300, np.bool_), texts)
    states = build(plan, StateEvents(key, key, key, key, (column,)), 301)
    for code in (0, 1, 2, 299):
        arrival = Arrival((code, code, code), (texts[code % 3],))
        assert states[code] == plan.tiles.empty().add([arrival]).to_bytes()
    assert states[300] == plan.tiles.empty().to_bytes()


def test_inputs_of_text_may_hold_no_text_at_all() -> None:
    """A column that is empty throughout a chunk, before and after one that is not."""
    plan = StatePlan(tuple(Spec("last", place, Window(None, 0)) for place in range(3)), ("text",) * 3)
    nothing, some = StateInput(ints(-1), np.array([False]), []), StateInput(ints(1), np.array([True]), ["é", "abc"])
    for inputs, values in (
        ((nothing, nothing, nothing), (None, None, None)),
        ((nothing, some, nothing), (None, "abc", None)),
        ((some, nothing, some), ("abc", None, "abc")),
    ):
        (state,) = build(plan, StateEvents(ints(0), ints(7), ints(7), ints(0), inputs), 1)
        assert state == plan.tiles.empty().add([Arrival((7, 7, 0), values)]).to_bytes()


def test_many_events_of_one_key() -> None:
    rng = np.random.default_rng(7)
    values = np.round(rng.normal(0, 1e6, 3000), 2)
    plan = StatePlan(tuple(Spec(f, 0, Window(None, 0)) for f in ("std", "n_unique", "min", "max")), ("float",))
    rows = np.arange(3000)
    column = StateInput(values, np.ones(3000, np.bool_))
    events = StateEvents(np.zeros(3000, np.int64), rows, rows, rows, (column,))
    arrivals = [Arrival((i, i, i), (value,)) for i, value in enumerate(values.tolist())]
    assert build(plan, events, 1) == [plan.tiles.empty().add(arrivals).to_bytes()]


def test_no_events_and_no_keys() -> None:
    nothing = events_of([])
    assert build(PLAN, nothing, 0) == []
    assert build(PLAN, nothing, 2) == [PLAN.tiles.empty().to_bytes()] * 2
    assert Tiles.from_bytes(PLAN.tiles, build(PLAN, nothing, 1)[0]) == PLAN.tiles.empty()


GOOD = events_of([Row(0, 5, 0, (1.5, True, 7, "a")), Row(0, 5, 0, (2.5, None, 7, "b")), Row(1, 4, 0, (1.0,) * 4)][:2])


@pytest.mark.parametrize(
    "changed",
    [
        replace(GOOD, key=ints(1, 0)),
        replace(GOOD, event_time=ints(6, 5)),
        replace(GOOD, known_at=ints(6, 5)),
        replace(GOOD, offset=ints(1, 0)),
        replace(GOOD, offset=ints(1, 1)),
    ],
)
def test_events_out_of_order_are_refused(changed: StateEvents) -> None:
    with pytest.raises(BugError, match=r"sorted|range"):
        build(PLAN, changed, 2)


def test_inputs_that_the_plan_does_not_have_are_refused() -> None:
    float_, bool_, int_, text = GOOD.inputs
    wrong = [
        (float_, bool_, int_),
        (int_, bool_, int_, text),
        (replace(float_, values=np.array([1.0, np.nan])), bool_, int_, text),
        (float_, bool_, int_, replace(text, texts=["a"])),
        (float_, bool_, int_, replace(text, texts=None)),
        (float_, bool_, replace(int_, texts=["a"]), text),
    ]
    for inputs in wrong:
        with pytest.raises(BugError):
            build(PLAN, replace(GOOD, inputs=inputs), 1)
    with pytest.raises(BugError, match="range"):
        build(PLAN, replace(GOOD, key=ints(0, 3)), 3)
    assert KINDS == ("float", "bool", "int", "text")


def test_columns_must_fit_together() -> None:
    with pytest.raises(BugError, match="int64"):
        replace(GOOD, key=np.zeros(2))
    with pytest.raises(BugError, match="lengths"):
        replace(GOOD, key=ints(0))
    with pytest.raises(BugError, match="calendar"):
        replace(GOOD, event_time=ints(0, 2**62))
    with pytest.raises(BugError, match="another type"):
        StateInput(np.zeros(1, np.int32), np.ones(1, np.bool_))
