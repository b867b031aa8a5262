"""Pandas functions over micro-batches: the same bits as batch, whatever the cut, the crash and the way in."""

from __future__ import annotations

import pytest

import gapless as gl
from gapless.errors import NotFound, UserCodeError
from gapless.features import TableSources, compute, one_batch, plan_groups
from gapless.online import Layout
from gapless.product import FeatureSet
from tests.features.derived_world import MODEL, NAMES
from tests.features.world import EVENTS, event_table, request_table
from tests.online.test_reading import bits
from tests.streaming.stage import drain, same_vectors
from tests.streaming.test_processor import END, crashing_run, play, told

FEATURES = MODEL.feature_set


def batch(rows, asks):
    """By the batch kernel, over all rows in the order of ties."""
    sources = TableSources({"events": event_table(rows)})
    return one_batch(compute(MODEL, request_table(asks), sources)).select(NAMES)


@pytest.mark.parametrize("seed", range(4))
def test_state_and_answers_are_those_of_batch(seed):
    stage, steps, asks = told(seed, 1 + seed % 3, features=FEATURES)
    processor = stage.processor()
    drain(processor)
    play(stage, steps, processor, seed)
    later = [(key, max(at, END)) for key, at in asks]
    assert bits(stage.read(later)[0]) == bits(batch(stage.ordered, later))
    answered, entries = stage.answers()
    assert len(answered) == len(asks)
    assert same_vectors(entries, asks, stage.ordered, FEATURES)


@pytest.mark.parametrize("seed", range(2))
def test_crashed_anywhere_the_bits_are_those_of_batch(seed):
    """Parts are filled from landed tables again and again, and the log is cut at other places each time."""
    crashes = 0
    for turn in range(3):
        stage, asks, some = crashing_run(100 * seed + turn, features=FEATURES)
        crashes += some
        later = [(key, max(at, END)) for key, at in asks]
        assert bits(stage.read(later)[0]) == bits(batch(stage.ordered, later)), turn
    assert crashes > 10


def test_a_function_runs_once_for_a_batch_however_many_groups_read_it():
    stage, steps, _ = told(3, 1, features=FEATURES)
    processor = stage.processor(answers=False)
    drain(processor)
    before = {run.name: run.rows for run in processor.world.deriving.runs()}
    rows = [what for _, kind, what, _ in steps if not kind]
    stage.push(rows)
    drain(processor)
    runs = {run.name: run.rows - before.get(run.name, 0) for run in processor.world.deriving.runs()}
    # `score` reads what `read` makes, in a group of its own
    assert runs == {"read": 2 * len(rows), "score": len(rows)}


def test_a_group_without_its_function_is_never_taken_for_read():
    stage, steps, _ = told(3, 1, features=FEATURES)
    unbound = FeatureSet.from_document(FEATURES.to_document())
    stage.push([what for _, kind, what, _ in steps if not kind])
    layouts = [Layout.of(group) for group in plan_groups(unbound.views)]
    with pytest.raises(NotFound, match="does not have pandas function 'read'"):
        drain(stage.processor(answers=False, layouts=layouts))


def test_an_exception_of_the_author_stops_the_stream():
    @gl.pandas_function(source=EVENTS, inputs=["x"], outputs={"size": float}, version="1")
    def fails(frame):
        raise ValueError("no model file")

    @gl.feature_view(entity=MODEL.views[0].entity, source=fails)
    def made(e):
        return {"size": gl.sum(e.size, windows=["1d"])}

    stage, steps, _ = told(3, 1)
    layouts = [Layout.of(group) for group in plan_groups([made])]
    stage.push([what for _, kind, what, _ in steps if not kind])
    with pytest.raises(UserCodeError, match="raised ValueError") as failed:
        drain(stage.processor(answers=False, layouts=layouts))
    assert failed.value.where.file == __file__
