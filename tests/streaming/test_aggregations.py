"""Every aggregation, kept from an event log as events come, is what the batch kernel makes of the same events."""

from __future__ import annotations

import random
from collections import Counter

import pytest

import gapless as gl
from gapless.clock import DAY
from gapless.features import TableSources, compute, one_batch
from gapless.windows import FUNCTIONS
from tests.features.world import EVENTS, REQUESTS, START, TRUTH, event_table, pair, request_table
from tests.online.test_reading import bits
from tests.parity import record
from tests.streaming.stage import Stage, drain
from tests.streaming.worlds import history

END = START + 10 * DAY


@gl.feature_view(entity=pair, source=EVENTS)
def every(e):
    windows, high = ["1h", "1d", "20d"], e.x > 1
    return {
        "count": gl.count(windows=windows),
        "count_x": gl.count(e.x, windows=windows),
        "sum": gl.sum(e.x, windows=windows),
        "sum_high": gl.sum(e.x, windows=windows, where=high),
        "mean": gl.mean(e.x, windows=windows),
        "mean_high": gl.mean(high, windows=windows),
        "var": gl.var(e.x, windows=windows),
        "std": gl.std(e.x, windows=windows),
        "min": gl.min(e.x, windows=windows),
        "max": gl.max(e.x, windows=windows),
        "any": gl.any(high, windows=windows),
        "all": gl.all(high, windows=windows),
        "n_unique": gl.n_unique(e.text, windows=windows),
        "first": gl.first(e.x, windows=windows),
        "first_ever": gl.first(e.x),
        "first_text": gl.first(e.text, max_age="20d"),
        "last": gl.last(e.x, max_age="20d"),
        "last_at": gl.last(e.at),
        "last_n": gl.last_n(e.x, n=3, max_age="20d"),
    }


@gl.on_demand
def derived(r):
    return {"length": r.every.first_text.length(), "age": r.t.hours_since(r.every.last_at)}


MODEL = gl.Model(
    "every",
    requests=REQUESTS,
    features=[every, derived],
    label=gl.Label("y", source=TRUTH, value=lambda t: t.y > 0, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)


def streamed(seed: int) -> tuple[Stage, list]:
    """A processor that took some events as files and the rest one by one, in the order in which they became known."""
    rows, asks = history(seed, events=60, requests=40)
    rows.sort(key=lambda row: row["known"])
    draw, partitions, files = random.Random(seed), 1 + seed % 3, seed % 2 * 20
    stage = Stage(partitions, rows[:files], features=MODEL.feature_set)
    stage.clock.us = END
    stage.fill_files()
    processor = stage.processor(answers=False)
    drain(processor)
    for row in rows[files:]:
        stage.push([row], draw.randrange(partitions))
        if draw.random() < 0.3:
            processor.step()
    drain(processor)
    return stage, [(key, at + END - START if i % 2 else END + at % DAY) for i, (key, at) in enumerate(asks)]


@pytest.mark.parametrize("seed", range(20))
def test_state_gives_the_bits_of_batch(seed):
    stage, asks = streamed(seed)
    found = bits(stage.read(asks)[0])
    sources = TableSources({"events": event_table(stage.ordered)})
    right = bits(one_batch(compute(MODEL, request_table(asks), sources)).select(list(found)))
    compared, wrong = Counter(), Counter()
    for feature in every.features:
        pairs = list(zip(found[feature.column], right[feature.column], strict=True))
        compared[feature.function] += len(pairs)
        wrong[feature.function] += sum(one != other for one, other in pairs)
    for function in FUNCTIONS:
        record("aggregations", function, "stream", compared=compared[function], different=wrong[function])
    assert set(compared) == set(FUNCTIONS)
    assert +wrong == Counter()


def test_the_questions_meet_events():
    """Most values are there, or the comparison would say little."""
    stage, asks = streamed(1)
    found = bits(stage.read(asks)[0])
    there = sum(value is not None for values in found.values() for value in values)
    assert there > 0.3 * sum(map(len, found.values()))
