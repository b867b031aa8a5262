"""States merged in compiled code have the bytes that `Tiles.merge` gives, in any chunking."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import CorruptData
from gapless.windows import Spec, Window
from gapless.windows.codec import seal
from gapless.windows.states import StateMerger, StatePlan, merge
from gapless.windows.tiles import Arrival, Tiles
from tests.windows.worlds import PLAN, PLANS, ROWS, Row, arrivals


@given(rows=ROWS, cut=st.integers(0, 20), oldest=st.none() | st.integers(-300, 800), data=st.data())
def test_bytes_are_those_of_tiles(rows: list[Row], cut: int, oldest: int | None, data: st.DataObject) -> None:
    for plan in PLANS:
        events = data.draw(st.permutations(arrivals(rows, 0) + arrivals(rows, 1)))
        one, other = plan.tiles.empty().add(events[:cut]), plan.tiles.empty().add(events[cut:])
        both = one.merge(other)
        wanted = (both if oldest is None else both.prune(oldest)).to_bytes()
        pair = one.to_bytes(), other.to_bytes()
        assert merge(plan, [pair, pair[::-1]], oldest_us=oldest) == [wanted, wanted]


@given(rows=ROWS, cuts=st.lists(st.integers(0, 20), max_size=5))
def test_any_chunking_has_the_same_bytes(rows: list[Row], cuts: list[int]) -> None:
    events = arrivals(rows, 0)
    edges = [0, *sorted(cuts), len(events)]
    state = b""
    for start, stop in pairwise(edges):
        state = merge(PLAN, [(state, PLAN.tiles.empty().add(events[start:stop]).to_bytes())])[0]
    assert state == PLAN.tiles.empty().add(events).to_bytes()


@given(rows=ROWS, cut=st.integers(0, 20), which=st.lists(st.integers(0, 2), max_size=6))
def test_states_of_several_plans_are_merged_in_one_call(rows: list[Row], cut: int, which: list[int]) -> None:
    events = arrivals(rows, 0)
    pairs = [tuple(PLANS[p].tiles.empty().add(part).to_bytes() for part in (events[:cut], events[cut:])) for p in which]
    merged = StateMerger(PLANS).merge(pairs, np.array(which, np.int64))  # type: ignore[arg-type]
    assert merged == [PLANS[p].tiles.empty().add(events).to_bytes() for p in which]


def test_nothing_is_a_state_too() -> None:
    empty = PLAN.tiles.empty().to_bytes()
    assert merge(PLAN, []) == []
    assert merge(PLAN, [(b"", b""), (empty, b""), (b"", empty)]) == [empty] * 3


def test_large_states_are_merged_in_blocks() -> None:
    plan = StatePlan((Spec("n_unique", 0, Window(None, 0)),), ("text",))
    large = [plan.tiles.empty().add([Arrival((0, 0, 0), (letter * (1 << 20),))]) for letter in "ab"]
    one, other = large
    pair = one.to_bytes(), other.to_bytes()
    assert set(merge(plan, [pair] * 50)) == {one.merge(other).to_bytes()}


# ---- damage --------------------------------------------------------------------------------------

GOOD = PLAN.tiles.empty().add([Arrival((5, 5, 0), (1.5, True, 7, "aé")), Arrival((60, 60, 1), (-2.0, False, 0, "b"))])


@given(place=st.integers(0), bit=st.integers(0, 7), side=st.booleans())
def test_a_changed_state_is_named(place: int, bit: int, side: bool) -> None:
    state = bytearray(GOOD.to_bytes())
    state[place % len(state)] ^= 1 << bit
    pair = (bytes(state), b"") if side else (GOOD.to_bytes(), bytes(state))
    with pytest.raises(CorruptData) as caught:
        merge(PLAN, [(b"", GOOD.to_bytes()), pair, pair])
    assert caught.value.seen == 1


def same_or_damaged(state: bytes, other: Tiles) -> None:
    """What holds for any bytes with a right checksum: damage, or what `Tiles` makes of them."""
    try:
        merged = merge(PLAN, [(state, other.to_bytes())])
    except CorruptData:
        return
    assert merged == [Tiles.from_bytes(PLAN.tiles, state).merge(other).to_bytes()]


@given(rows=ROWS, place=st.integers(0), gone=st.integers(0, 12), splice=st.binary(max_size=12))
def test_states_with_something_put_in_and_a_right_checksum(
    rows: list[Row], place: int, gone: int, splice: bytes
) -> None:
    body = PLAN.tiles.empty().add(arrivals(rows, 0)).to_bytes()[1:-4]
    at = 9 + place % (len(body) - 9)
    same_or_damaged(seal(body[:at] + splice + body[at + gone :]), GOOD)
    same_or_damaged(seal(body[:at] + splice[:1] + body[at + 1 :]), PLAN.tiles.empty())
