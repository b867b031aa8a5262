"""Answers from the log are in their table once, wherever moving them was killed."""

import random

import pytest

from gapless.errors import CorruptData
from gapless.ports.events import Outgoing
from gapless.ports.topics import predictions_topic
from gapless.serving.landing import definition_of
from gapless.streaming.settling import SETTLE_POINTS, settle
from gapless.streaming.telling import ENTRY_HEADER
from gapless.testing import Crash, CrashAtCall
from tests.streaming.memory import MemoryOffline
from tests.streaming.stage import FEATURES, answered

DEFINITION = definition_of(FEATURES)


@pytest.fixture
def stage():
    """A stage with some answers in the log."""
    return answered(30)[0]


def moved(stage, **more):
    return settle(stage.log, stage.offline, "m", lambda entry: DEFINITION, **more)


def ids(offline):
    (table,) = [name for name in offline.tables() if name.startswith("predictions/")]
    return sorted(offline.read(table).read_all()["request_id"].to_pylist())


def test_every_answer_is_moved_once_and_again_nothing(stage):
    points = []
    report = moved(stage, fault=lambda point, what: points.append(point))
    assert (report.answers, report.refused, sum(report.tables.values())) == (30, 0, 30)
    assert tuple(dict.fromkeys(points)) == SETTLE_POINTS
    assert moved(stage).answers == 0
    assert ids(stage.offline) == sorted(f"r{i}" for i in range(30))


def test_killed_at_every_point_it_is_there_once(stage):
    for call in range(1, 20):
        stage.offline = MemoryOffline()
        fault = CrashAtCall(call)
        stage.offline.fault = fault
        crashed = False
        try:
            moved(stage, fault=fault)
        except Crash:
            crashed = True
        stage.offline.fault = lambda point, table: None
        more = [Outgoing(0, b"{}", b"", {ENTRY_HEADER: stage.log.read(predictions_topic("m"), 0, 0, max_bytes=1)[0]
                .headers[ENTRY_HEADER]})]  # fmt: skip
        before = len(stage.answers()[1])
        if random.Random(call).random() < 0.5:
            stage.log.append(predictions_topic("m"), more)
        moved(stage)
        assert len(ids(stage.offline)) == len(stage.answers()[1]) >= before
        if not crashed:
            return
    raise AssertionError("it never came to its end")


def test_a_request_that_was_refused_is_counted(stage):
    stage.log.append(predictions_topic("m"), [Outgoing(0, b'{"error": {}}')])
    assert moved(stage).refused == 1


def test_no_topic_is_no_answers(stage):
    assert settle(stage.log, stage.offline, "other", lambda entry: DEFINITION).answers == 0


def test_several_at_once_move_each_answer_once(stage):
    """Another one comes at every point of the first."""
    calls = []

    def another(point, what):
        if len(calls) < 20 and calls[-1:] != ["inside"]:
            calls.append("inside")
            moved(stage)
            calls.append(point)

    moved(stage, fault=another)
    assert ids(stage.offline) == sorted(f"r{i}" for i in range(30))


def test_what_is_in_tables_may_go_from_the_log(stage):
    moved(stage, trim_before_us=2**60)
    topic = predictions_topic("m")
    assert stage.log.spans(topic)[0].start == stage.log.spans(topic)[0].end - 1  # the last one stays
    assert moved(stage).answers == 0


def test_answers_that_went_before_they_were_moved_are_missed(stage):
    stage.log.trim(predictions_topic("m"), 0, 5)
    with pytest.raises(CorruptData, match="no longer holds answers"):
        moved(stage)
