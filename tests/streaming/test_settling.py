"""Answers from the log are in their table once, wherever moving them was killed."""

import random

import pytest

from gapless.clock import DAY
from gapless.errors import CorruptData
from gapless.ports.events import Outgoing
from gapless.ports.topics import predictions_topic
from gapless.serving.landing import definition_of
from gapless.streaming.answering import ENTRY_HEADER
from gapless.streaming.settling import SETTLE_POINTS, settle
from gapless.testing import Crash, CrashAtCall
from tests.features.world import START
from tests.online.stores import history
from tests.streaming.memory import MemoryOffline
from tests.streaming.stage import FEATURES, Stage, drain

DEFINITION = definition_of(FEATURES)


@pytest.fixture
def stage():
    """A stage with some answers in the log."""
    made = Stage()
    made.clock.us = START + 10 * DAY
    made.fill_files()
    processor = made.processor()
    drain(processor)
    rows, asks = history(2, events=20, requests=30)
    made.push(rows)
    made.ask(asks)
    drain(processor)
    assert len(made.answers()[1]) == 30
    return made


def moved(stage, notes, **more):
    return settle(stage.log, stage.offline, "m", lambda entry: DEFINITION, notes, **more)


def ids(offline):
    (table,) = [name for name in offline.tables() if name.startswith("predictions/")]
    return sorted(offline.read(table).read_all()["request_id"].to_pylist())


def test_every_answer_is_moved_once_and_again_nothing(stage, tmp_path):
    points = []
    report = moved(stage, tmp_path, fault=lambda point, what: points.append(point))
    assert (report.answers, report.refused, sum(report.tables.values())) == (30, 0, 30)
    assert tuple(dict.fromkeys(points)) == SETTLE_POINTS
    assert moved(stage, tmp_path).answers == 0
    assert ids(stage.offline) == sorted(f"r{i}" for i in range(30))


def test_killed_at_every_point_it_is_there_once(stage, tmp_path):
    for call in range(1, 20):
        stage.offline = MemoryOffline()
        notes = tmp_path / str(call)
        fault = CrashAtCall(call)
        stage.offline.fault = fault
        crashed = False
        try:
            moved(stage, notes, fault=fault)
        except Crash:
            crashed = True
        stage.offline.fault = lambda point, table: None
        more = [Outgoing(0, b"{}", b"", {ENTRY_HEADER: stage.log.read(predictions_topic("m"), 0, 0, max_bytes=1)[0]
                .headers[ENTRY_HEADER]})]  # fmt: skip
        before = len(stage.answers()[1])
        if random.Random(call).random() < 0.5:
            stage.log.append(predictions_topic("m"), more)
        moved(stage, notes)
        assert len(ids(stage.offline)) == len(stage.answers()[1]) >= before
        if not crashed:
            return
    raise AssertionError("it never came to its end")


def test_a_request_that_was_refused_is_counted(stage, tmp_path):
    stage.log.append(predictions_topic("m"), [Outgoing(0, b'{"error": {}}')])
    assert moved(stage, tmp_path).refused == 1


def test_no_topic_is_no_answers(stage, tmp_path):
    assert settle(stage.log, stage.offline, "other", lambda entry: DEFINITION, tmp_path).answers == 0


def test_a_note_that_cannot_be_read_is_named(stage, tmp_path):
    (tmp_path / "predictions.m-0.json").write_text("{")
    with pytest.raises(CorruptData, match="how far answers were moved"):
        moved(stage, tmp_path)
