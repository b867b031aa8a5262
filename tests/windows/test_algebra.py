"""The laws of every aggregation, as properties."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gapless.errors import BugError, CorruptData
from gapless.windows import FUNCTIONS
from gapless.windows.codec import Value, seal
from gapless.windows.functions import Algebra, State
from gapless.windows.naive import naive
from gapless.windows.parts import Point

NAMES = sorted(FUNCTIONS)
INVERTIBLE = [name for name in NAMES if FUNCTIONS[name].invertible]
EXTREME = [0.0, -0.0, 1e300, -1e300, 5e-324, 1e16, -1e16, 0.1]


def algebra(name: str) -> Algebra:
    return FUNCTIONS[name].algebra(3 if name == "last_n" else 1)


def values_for(name: str) -> st.SearchStrategy[Value]:
    """Of the kinds that the function accepts: one of them for all events."""
    numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(EXTREME)
    return st.booleans() if FUNCTIONS[name].accepts == {"bool"} else numbers


@st.composite
def histories(draw: st.DrawFn, name: str, parts: int) -> list[list[Point]]:
    """Some disjoint runs of events, each in any order; times tie, places in the order of events never do."""
    kind = draw(st.sampled_from([values_for(name), st.text(max_size=3)] if is_opaque(name) else [values_for(name)]))
    rows = draw(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), kind), max_size=12))
    points = [Point((time, known, offset), value) for offset, (time, known, value) in enumerate(rows)]
    cuts = sorted(draw(st.lists(st.integers(0, len(points)), min_size=parts - 1, max_size=parts - 1)))
    return [points[start:stop] for start, stop in pairwise([0, *cuts, len(points)])]


def is_opaque(name: str) -> bool:
    return "opaque" in FUNCTIONS[name].accepts


def state_of(verbs: Algebra, points: Sequence[Point]) -> State:
    state = verbs.identity()
    for point in points:
        state = verbs.update(state, point)
    return state


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_merge_is_associative_and_commutative_with_a_neutral_element(name: str, data: st.DataObject) -> None:
    verbs = algebra(name)
    a, b, c = (state_of(verbs, points) for points in data.draw(histories(name, 3)))
    assert verbs.to_bytes(verbs.merge(verbs.merge(a, b), c)) == verbs.to_bytes(verbs.merge(a, verbs.merge(b, c)))
    assert verbs.to_bytes(verbs.merge(a, b)) == verbs.to_bytes(verbs.merge(b, a))
    assert verbs.merge(a, verbs.identity()) == verbs.merge(verbs.identity(), a) == a


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_update_is_merge_after_prepare(name: str, data: st.DataObject) -> None:
    verbs = algebra(name)
    before, after = data.draw(histories(name, 2))
    assume(after)
    state = state_of(verbs, before)
    assert verbs.update(state, after[0]) == verbs.merge(state, verbs.prepare(after[0]))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_any_order_of_arrival_finalizes_to_what_the_oracle_says(name: str, data: st.DataObject) -> None:
    verbs = algebra(name)
    [points] = data.draw(histories(name, 1))
    arrived = data.draw(st.permutations(points))
    values = [point.value for point in sorted(points)]
    wanted = naive(name, values, n=3 if name == "last_n" else 1)
    assert repr(verbs.finalize(state_of(verbs, arrived))) == repr(wanted)


@pytest.mark.parametrize("name", INVERTIBLE)
@given(data=st.data())
def test_remove_takes_out_what_merge_put_in(name: str, data: st.DataObject) -> None:
    verbs = algebra(name)
    a, b = (state_of(verbs, points) for points in data.draw(histories(name, 2)))
    assert verbs.remove(verbs.merge(a, b), b) == a


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(INVERTIBLE)))
def test_remove_is_refused_where_there_is_no_inverse(name: str) -> None:
    verbs = algebra(name)
    with pytest.raises(BugError, match="no inverse"):
        verbs.remove(verbs.identity(), verbs.identity())


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_bytes_round_trip_and_equal_states_have_equal_bytes(name: str, data: st.DataObject) -> None:
    verbs = algebra(name)
    [points] = data.draw(histories(name, 1))
    state, shuffled = state_of(verbs, points), state_of(verbs, data.draw(st.permutations(points)))
    data_bytes = verbs.to_bytes(state)
    assert verbs.from_bytes(data_bytes) == state
    assert verbs.to_bytes(verbs.from_bytes(data_bytes)) == verbs.to_bytes(shuffled) == data_bytes


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_a_changed_or_missing_byte_is_corrupt_data(name: str, data: st.DataObject) -> None:
    verbs = algebra(name)
    [points] = data.draw(histories(name, 1))
    good = verbs.to_bytes(state_of(verbs, points))
    place = data.draw(st.integers(0, len(good) - 1))
    flipped = bytearray(good)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (bytes(flipped), good[:place], good + b"\0"):
        with pytest.raises(CorruptData):
            verbs.from_bytes(bad)


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=40))
def test_bytes_with_a_right_checksum_are_a_state_or_corrupt(name: str, body: bytes) -> None:
    """No other error leaves the reader; and whatever is read has that one spelling, or finalizes at least."""
    verbs = algebra(name)
    try:
        state = verbs.from_bytes(seal(body))
    except CorruptData:
        return
    assert len(verbs.finalize(state)) == (3 if name == "last_n" else 1)


def test_a_small_state_is_small() -> None:
    mean = algebra("mean")
    state = state_of(mean, [Point((day, day, day), 12.5) for day in range(30)])
    assert len(mean.to_bytes(state)) <= 16


def test_metadata_says_which_kinds_go_in_and_come_out() -> None:
    assert FUNCTIONS["mean"].accepts == {"float", "bool"}
    assert FUNCTIONS["any"].accepts == {"bool"}
    assert FUNCTIONS["last"].result == "same"
    assert not FUNCTIONS["count"].needs_input
    assert all(FUNCTIONS[name].commutative for name in NAMES)
