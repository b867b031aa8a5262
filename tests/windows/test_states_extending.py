"""States extended in compiled code have the bytes that building and merging one by one give."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32 as zlib_crc32

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import CorruptData
from gapless.windows.states import StateBytes, StatePlan, extend, retained
from gapless.windows.states.checking import crc32
from gapless.windows.states.retention import oldest_tiles_at
from gapless.windows.states.words import PADDING
from gapless.windows.window import BEGINNING
from tests.windows.worlds import PLAN, PLANS, ROWS, Row, events_of, tiles_of

KEYS = 5
INSTANTS = st.integers(-300, 800) | st.just(BEGINNING)


@numba.njit
def checked(data: np.ndarray, start: int, stop: int, before: int) -> int:
    return crc32(data, start, stop, before)


def laid(states: Sequence[bytes], between: bytes) -> StateBytes:
    """States in a buffer, with other bytes around them."""
    sizes = np.array([len(state) for state in states], np.int64)
    stops = np.cumsum(sizes + len(between))
    return StateBytes(
        np.frombuffer(b"".join(between + state for state in states) + bytes(8), np.uint8), stops - sizes, stops
    )


def extended(
    plan: StatePlan, old: Sequence[bytes], rows: Sequence[Row], oldest: Sequence[int], lead: Sequence[int]
) -> list[bytes]:
    made = extend(plan, laid(old, b"?!"), events_of(rows), np.array(oldest, np.int64), np.array(lead, np.int64))
    for before, start, size in zip([0, *made.stop], made.start, lead, strict=False):
        assert start - before >= size
    return [made.data[start:stop].tobytes() for start, stop in zip(made.start, made.stop, strict=True)]


@given(
    old=ROWS,
    new=ROWS,
    oldest=st.lists(INSTANTS, min_size=KEYS, max_size=KEYS),
    lead=st.lists(st.integers(0, 40), min_size=KEYS, max_size=KEYS),
    none=st.booleans(),
)
def test_bytes_are_those_of_tiles(
    old: list[Row], new: list[Row], oldest: list[int], lead: list[int], none: bool
) -> None:
    new = [
        row for row in new if all((row.key, row.event_time, row.delay) != (r.key, r.event_time, r.delay) for r in old)
    ]
    for plan in PLANS:
        there = [tiles_of(plan, old, key) for key in range(KEYS)]
        bytes_there = [b"" if none and not tiles.tiles else tiles.to_bytes() for tiles in there]
        both = [tiles.merge(tiles_of(plan, new, key)) for key, tiles in enumerate(there)]
        wanted = [tiles.prune(at).to_bytes() for tiles, at in zip(both, oldest, strict=True)]
        assert extended(plan, bytes_there, new, oldest, lead) == wanted


def test_no_keys_are_no_states() -> None:
    assert extended(PLAN, [], [], [], []) == []


@given(rows=ROWS, place=st.integers(0), bit=st.integers(0, 7), key=st.integers(0, KEYS - 1))
def test_the_first_damaged_state_is_named(rows: list[Row], place: int, bit: int, key: int) -> None:
    states = [bytearray(tiles_of(PLAN, rows, each).to_bytes()) for each in range(KEYS)]
    for state in states[key:]:
        state[place % len(state)] ^= 1 << bit
    with pytest.raises(CorruptData, match="not the state of a key") as caught:
        extended(PLAN, [bytes(state) for state in states], [], [BEGINNING] * KEYS, [0] * KEYS)
    assert caught.value.seen == key


def test_the_state_of_another_plan_is_none() -> None:
    with pytest.raises(CorruptData):
        extended(PLANS[0], [PLANS[1].tiles.empty().to_bytes()], [], [0], [0])


@given(data=st.binary(max_size=100), start=st.integers(0, 100), before=st.integers(0, 2**32 - 1))
def test_checksums_are_those_of_zlib(data: bytes, start: int, before: int) -> None:
    start = min(start, len(data))
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    assert checked(padded, start, len(data), before) == zlib_crc32(data[start:], before)


@given(pairs=st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900)), max_size=20))
def test_what_is_retained_is_what_tiles_say(pairs: list[tuple[int, int]]) -> None:
    times, instants = np.array(pairs, np.int64).reshape(-1, 2).T
    for plan in PLANS:
        nothing = plan.tiles.empty()
        assert retained(plan, times, instants).tolist() == [nothing.retained(*pair) for pair in pairs]
        wanted = [[tier.oldest(at) for tier in plan.tiles.tiers] for _, at in pairs]
        assert oldest_tiles_at(plan, instants).tolist() == wanted


def test_nothing_is_too_old_at_the_beginning() -> None:
    assert set(oldest_tiles_at(PLAN, np.array([BEGINNING])).ravel().tolist()) == {BEGINNING}
