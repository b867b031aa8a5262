"""The naive oracle, the NumPy kernel, the compiled kernel and tiles agree, to the bit, on 10,000 random histories.

Every history is a key, so a batch of a thousand is one call of each kernel. Tiles take the same events in the order
in which they become visible, and are read after exactly those that are visible.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from gapless.windows import FUNCTIONS, Column, Spec, aggregate
from gapless.windows.tiles import Arrival, TilePlan, Tiles
from tests.parity import record
from tests.windows.histories import WINDOWS, Row, all_specs, events_of, history, queries_of

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
    ways = {
        "numpy": kernel_differences(naive, aggregate(events, queries, SPECS, kernel="numpy")),
        "compiled": kernel_differences(naive, aggregate(events, queries, SPECS, kernel="numba")),
        "tiles": tile_differences(rows, questions, naive),
    }
    for way, (compared, wrong) in ways.items():
        for function in FUNCTIONS:
            record("aggregations", function, way, compared=compared[function], different=wrong[function])
    for function in FUNCTIONS:  # the oracle is held against all of them
        together = [sum(counts[function] for counts in pair) for pair in zip(*ways.values(), strict=True)]
        record("aggregations", function, "naive", compared=together[0], different=together[1])
    assert [way for way, (compared, _) in ways.items() if set(compared) != set(FUNCTIONS)] == []
    assert {way: +wrong for way, (_, wrong) in ways.items() if +wrong} == {}


Counts = tuple[Counter[str], Counter[str]]
"""By function: values compared, values that differ."""


def kernel_differences(naive: list[tuple[Column, ...]], found: list[tuple[Column, ...]]) -> Counts:
    compared, wrong = Counter[str](), Counter[str]()
    for spec, left, right in zip(SPECS, naive, found, strict=True):
        for one, other in zip(left, right, strict=True):
            compared[spec.function] += len(one.values)
            wrong[spec.function] += _unlike(one, other)
    return compared, wrong


def _unlike(one: Column, other: Column) -> int:
    """How many values have another bit or are valid in one only; all of them where the types differ."""
    if one.values.dtype != other.values.dtype or len(one.values) != len(other.values):
        return max(len(one.values), len(other.values), 1)
    pairs = [(column.values.view(f"V{column.values.itemsize}"), column.valid) for column in (one, other)]
    return int(np.count_nonzero((pairs[0][0] != pairs[1][0]) | (pairs[0][1] != pairs[1][1])))


def tile_differences(
    rows: Sequence[Row], questions: Sequence[tuple[int, int]], naive: list[tuple[Column, ...]]
) -> Counts:
    """One of the plans per key, in turn; the value of every spec of that plan at every question."""
    compared, wrong = Counter[str](), Counter[str]()
    of_key = {key: sorted(mine, key=lambda row: row.visible_from) for key, mine in groupby(rows, lambda row: row.key)}
    listed = [[(column.values.tolist(), column.valid.tolist()) for column in columns] for columns in naive]
    places = [[number for number, spec in enumerate(SPECS) if spec in plan.specs] for plan in PLANS]
    for key, mine in groupby(enumerate(questions), lambda question: question[1][0]):
        choice = key % len(PLANS)
        for (number, (_, at)), tiles in replay(PLANS[choice], of_key.get(key, []), list(mine)):
            wanted = [expected(SPECS[place], listed[place], number) for place in places[choice]]
            for place, one, other in zip(places[choice], exactly(tiles.read(at)), exactly(wanted), strict=True):
                compared[SPECS[place].function] += len(other)
                wrong[SPECS[place].function] += sum(a != b for a, b in zip(one, other, strict=True))
    return compared, wrong


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
