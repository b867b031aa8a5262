"""The naive oracle, the NumPy kernel, the compiled kernel and tiles agree, to the bit, on 10,000 random histories.

Every history is a key, so a batch of a thousand is one call of each kernel. Tiles take the same events in the order
in which they become visible, and are read after exactly those that are visible.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pytest

from gapless.windows import Column, Spec, aggregate
from gapless.windows.tiles import Arrival, TilePlan, Tiles
from tests.windows.histories import WINDOWS, Row, all_specs, events_of, history, queries_of, same_bits

BATCH = 1_000
SPECS = all_specs()
PLANS = [TilePlan(tuple(spec for spec in SPECS if spec.window == window)) for window in WINDOWS]


def world(batch: int) -> tuple[list[Row], list[tuple[int, int]]]:
    keys = range(batch * BATCH, (batch + 1) * BATCH)
    rng = random.Random(-batch)
    rows = [row for key in keys for row in history(key, key)]
    return rows, sorted((key, rng.randrange(-30, 100)) for key in keys for _ in range(2))


@pytest.mark.parametrize("batch", range(10))
def test_all_ways_agree_to_the_bit(batch: int) -> None:
    rows, questions = world(batch)
    events, queries = events_of(rows), queries_of(questions)
    naive = aggregate(events, queries, SPECS, kernel="naive")
    assert same_bits(naive, aggregate(events, queries, SPECS, kernel="numpy"))
    assert same_bits(naive, aggregate(events, queries, SPECS, kernel="numba"))
    assert_tiles_agree(rows, questions, naive)


def assert_tiles_agree(
    rows: Sequence[Row], questions: Sequence[tuple[int, int]], naive: list[tuple[Column, ...]]
) -> None:
    """One of the plans per key, in turn; the value of every spec of that plan at every question."""
    of_key = {key: sorted(mine, key=lambda row: row.visible_from) for key, mine in groupby(rows, lambda row: row.key)}
    listed = [[(column.values.tolist(), column.valid.tolist()) for column in columns] for columns in naive]
    places = [[number for number, spec in enumerate(SPECS) if spec in plan.specs] for plan in PLANS]
    for key, mine in groupby(enumerate(questions), lambda question: question[1][0]):
        choice = key % len(PLANS)
        for (number, (_, at)), tiles in replay(PLANS[choice], of_key.get(key, []), list(mine)):
            wanted = [expected(SPECS[place], listed[place], number) for place in places[choice]]
            assert exactly(tiles.read(at)) == exactly(wanted), (key, at)


def replay(
    plan: TilePlan, arriving: list[Row], questions: list[tuple[int, tuple[int, int]]]
) -> list[tuple[Any, Tiles]]:
    """The state at each question, after the events that are visible by then, pruned as time goes on."""
    states, tiles, done = [], plan.empty(), 0
    for question in questions:
        at = question[1][1]
        now = sum(row.visible_from <= at for row in arriving)
        tiles = tiles.add(arrival(row) for row in arriving[done:now]).prune(at)
        done = now
        states.append((question, tiles))
    return states


def arrival(row: Row) -> Arrival:
    number, truth, code = row.values
    return Arrival(row.order, (number, None if truth is None else bool(truth), code))


def expected(spec: Spec, columns: list[tuple[list[Any], list[bool]]], number: int) -> tuple[Any, ...]:
    """The row of the kernel's columns as tiles give it: None for null, and bools where the input holds bools."""
    values = [values[number] if valid[number] else None for values, valid in columns]
    same = spec.function in ("min", "max", "first", "last", "last_n")
    return tuple(bool(value) if same and spec.input == 1 and value is not None else value for value in values)


def exactly(results: Sequence[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Text that differs where a type or a bit does."""
    return [tuple(value.hex() if isinstance(value, float) else repr(value) for value in result) for result in results]
