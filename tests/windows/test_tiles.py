"""Tiles of one key: the same value in any order of arrival, after merging, pruning, and a trip through bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.clock import DAY, HOUR, MINUTE
from gapless.errors import CorruptData
from gapless.windows import FUNCTIONS, Spec, Window, default_hop_us
from gapless.windows.codec import Value, seal
from gapless.windows.naive import naive
from gapless.windows.tiles import Arrival, TilePlan, Tiles

WINDOWS = (Window(None, 0), Window(40, 0), Window(40, 15), Window(100, 15), Window(300, 100))
INPUTS = {"float": 0, "bool": 1, "opaque": 2}
PLAN = TilePlan(
    tuple(
        Spec(name, INPUTS[kind], window, 2 if name == "last_n" else 1)
        for name, function in FUNCTIONS.items()
        for kind in sorted(function.accepts)
        for window in WINDOWS
    )
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1e300, 5e-324])
ROWS = st.lists(
    st.tuples(
        st.integers(-200, 400),
        st.integers(0, 90),
        st.none() | NUMBERS,
        st.none() | st.booleans(),
        st.none() | st.text(max_size=2),
    ),
    max_size=15,
)


def arrivals(rows: Sequence[tuple[int, int, float | None, bool | None, str | None]]) -> list[Arrival]:
    return [Arrival((row[0], row[0] + row[1], offset), row[2:]) for offset, row in enumerate(rows)]


def visible(arrival: Arrival) -> int:
    return max(arrival.order[0] + 1, arrival.order[1])


def wanted(events: Sequence[Arrival], at: int) -> list[tuple[Value | None, ...]]:
    """By the oracle, from the list of all events."""
    ordered = sorted(events, key=lambda arrival: arrival.order)
    return [
        naive(spec.function, [e.values[spec.input or 0] for e in ordered if seen(e, spec, at)], n=spec.n)
        for spec in PLAN.specs
    ]


def seen(event: Arrival, spec: Spec, at: int) -> bool:
    return spec.window.lower(at) <= event.order[0] and visible(event) <= at


@given(rows=ROWS, at=st.integers(-100, 700), data=st.data())
def test_any_order_of_arrival_reads_as_the_oracle_says(
    rows: list[tuple[int, int, float | None, bool | None, str | None]], at: int, data: st.DataObject
) -> None:
    events = arrivals(rows)
    there = [event for event in events if visible(event) <= at]
    shuffled = data.draw(st.permutations(there))
    cut = data.draw(st.integers(0, len(there)))
    apart = PLAN.empty().add(shuffled[:cut]).merge(PLAN.empty().add(shuffled[cut:]))
    tiles = PLAN.empty().add(shuffled)
    assert apart == tiles == PLAN.empty().add(there)
    assert repr(list(tiles.read(at))) == repr(wanted(events, at))


@given(rows=ROWS, at=st.integers(-100, 700), later=st.integers(0, 500))
def test_pruning_changes_no_later_read(
    rows: list[tuple[int, int, float | None, bool | None, str | None]], at: int, later: int
) -> None:
    tiles = PLAN.empty().add(event for event in arrivals(rows) if visible(event) <= at)
    pruned = tiles.prune(at)
    assert repr(pruned.read(at + later)) == repr(tiles.read(at + later))
    assert len(pruned.tiles) <= len(tiles.tiles)


@given(rows=ROWS)
def test_bytes_round_trip_and_do_not_depend_on_the_order(
    rows: list[tuple[int, int, float | None, bool | None, str | None]],
) -> None:
    events = arrivals(rows)
    tiles = PLAN.empty().add(events)
    data = tiles.to_bytes()
    assert Tiles.from_bytes(PLAN, data) == tiles
    assert data == PLAN.empty().add(reversed(events)).to_bytes() == Tiles.from_bytes(PLAN, data).to_bytes()


@given(rows=ROWS, place=st.integers(0), bit=st.integers(0, 7))
def test_a_changed_byte_is_corrupt_data(
    rows: list[tuple[int, int, float | None, bool | None, str | None]], place: int, bit: int
) -> None:
    data = bytearray(PLAN.empty().add(arrivals(rows)).to_bytes())
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(CorruptData):
        Tiles.from_bytes(PLAN, bytes(data))


@given(body=st.binary(max_size=60))
def test_bytes_with_a_right_checksum_are_tiles_or_corrupt(body: bytes) -> None:
    framed = bytes([8]) + PLAN.fingerprint + body
    try:
        tiles = Tiles.from_bytes(PLAN, seal(framed))
    except CorruptData:
        return
    assert len(tiles.read(0)) == len(PLAN.specs)


def test_the_state_of_other_specs_is_refused() -> None:
    other = TilePlan((Spec("sum", 0, Window(10, 5)),))
    with pytest.raises(CorruptData, match="other specs"):
        Tiles.from_bytes(PLAN, other.empty().add([Arrival((0, 0, 0), (1.0,))]).to_bytes())


def test_a_state_is_not_changed_by_what_is_made_of_it() -> None:
    tiles = PLAN.empty().add([Arrival((5, 5, 0), (1.0, True, "a"))])
    before = tiles.to_bytes()
    tiles.add([Arrival((6, 6, 1), (2.0, False, "b"))])
    tiles.merge(PLAN.empty().add([Arrival((7, 7, 2), (3.0, True, "c"))]))
    tiles.prune(10_000)
    assert tiles.to_bytes() == before


def test_a_value_decays_with_time_though_no_event_comes() -> None:
    plan = TilePlan((Spec("count", None, Window(HOUR, 5 * MINUTE)),))
    tiles = plan.empty().add(Arrival((minute * MINUTE, 0, minute)) for minute in range(0, 60, 10))
    counts = [tiles.read(at * MINUTE)[0][0] for at in (60, 64, 65, 71, 115, 200)]
    assert counts == [6.0, 6.0, 5.0, 5.0, 0.0, 0.0]


def test_specs_of_one_hop_share_tiles_and_parts() -> None:
    """mean, sum and count of one input over three windows of one hop: one tile per hop, holding a count and a total."""
    windows = [Window(width, DAY) for width in (30 * DAY, 60 * DAY, 90 * DAY)]
    plan = TilePlan(tuple(Spec(name, 0, window) for name in ("count", "sum", "mean") for window in windows))
    tiles = plan.empty().add(Arrival((hour * HOUR, 0, hour), (12.5,)) for hour in range(90 * 24))
    assert len(tiles.tiles) == 90
    assert len(tiles.to_bytes()) < 90 * 20
    assert len(tiles.prune(120 * DAY).tiles) == 60


def test_what_no_window_covers_any_more_came_too_late() -> None:
    hop = default_hop_us(DAY)
    plan = TilePlan((Spec("count", None, Window(DAY, hop)), Spec("count", None, Window(HOUR, 5 * MINUTE))))
    now = 10 * DAY + 30 * MINUTE
    assert plan.empty().retained(now - DAY, now)
    assert plan.empty().retained(9 * DAY, now)
    assert not plan.empty().retained(9 * DAY - 1, now)
    assert TilePlan((Spec("count", None, Window(None, 0)),)).empty().retained(-(10**18), now)
