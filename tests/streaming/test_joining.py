"""Every answer has its story, each change once, at whatever point a join is killed; equal to plain Python."""

from __future__ import annotations

import random
import shutil
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

import gapless as gl
from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.store import APPEND_POINTS
from gapless.arrow import TIMESTAMP
from gapless.clock import DAY, HOUR
from gapless.errors import InputError, NotFound, Transient
from gapless.features import TableSources
from gapless.streaming.joining import JOIN_POINTS, JoinReport, join_labels
from gapless.streaming.outcomes import OUTCOMES, latest_outcomes
from gapless.testing.faults import Crash, CrashAtCall, KillAtCall
from tests.adapters.forked import run_forked
from tests.features.world import MODEL, REQUESTS, START, TRUTH
from tests.streaming.landed import (
    DELAY,
    GIVE_UP,
    TABLES,
    Answer,
    Stories,
    Truth,
    land,
    random_answers,
    random_truth,
    told,
    truth_source,
)

OUT = "outcomes/m"


def join(store, truth, known_by_us, model=MODEL, **more) -> JoinReport:
    return join_labels(model, truth_source(truth), store, known_by_us=known_by_us, **more)


def story(store):
    return told(store.read(OUT).read_all())


# ---- random worlds against the slow definition ---------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_equals_the_slow_definition(seed: int, tmp_path: Path) -> None:
    draw, stories, truth = random.Random(seed), Stories(), []
    store = DeltaStore(tmp_path)
    late = draw.choice([None, 0, DAY])
    now = START
    for _ in range(draw.randrange(3, 7)):
        now += draw.choice([0, HOUR, DAY])
        new = random_answers(draw, now)
        land(store, new)
        stories.add(new)
        truth += random_truth(draw, now)
        if not stories.answers:
            continue
        before = len(stories.table())
        stories.join(truth, now, late)
        report = join(store, truth, now, late_us=late, chunk_rows=draw.choice([3, 11, 1000]))
        assert story(store) == stories.table()
        assert (report.answers, report.new) == (len(stories.answers), len(new))
        assert sum(report.written.values()) == len(stories.table()) - before
        assert join(store, truth, now, late_us=late).written == {}
        assert told(latest_outcomes(store, "m")) == _newest(stories.table())


def _newest(rows):
    return list({row[:2]: row for row in rows}.values())


def _world(store):
    """A store where one join was, and more has landed and come since; what a second join has to give."""
    draw, stories = random.Random(5), Stories()
    truth = []
    for now in (START, START + DAY):
        new = [answer for _ in range(4) for answer in random_answers(draw, now)]
        land(store, new)
        stories.add(new)
        truth += random_truth(draw, now)
        stories.join(truth, now, None)
        if now == START:
            join(store, truth, now)
    return truth, stories.table()


def test_crashed_at_any_point_and_run_again_every_change_is_in_once(tmp_path: Path) -> None:
    truth, expected = _world(DeltaStore(tmp_path / "before"))
    for call in range(1, 100):
        root = tmp_path / str(call)
        shutil.copytree(tmp_path / "before", root)
        fault = CrashAtCall(call)
        try:
            join(DeltaStore(root, fault=fault), truth, START + DAY, chunk_rows=30, fault=fault)
        except Crash:
            report = join(DeltaStore(root), truth, START + DAY + 1)
            rows = [row[:-1] for row in story(DeltaStore(root))]
            assert rows == [row[:-1] for row in expected], call
            assert report.answers == len({row[:2] for row in expected})
        else:
            assert call > len(JOIN_POINTS) + len(APPEND_POINTS), "every point was passed"
            assert story(DeltaStore(root)) == expected
            return
    raise AssertionError("never came to an end")


@pytest.mark.parametrize("call", [3, 10, 15])
def test_killed_and_run_again(call: int, tmp_path: Path) -> None:
    truth, expected = _world(DeltaStore(tmp_path))
    run_forked(_join_in_process, tmp_path, truth, KillAtCall(call))
    join(DeltaStore(tmp_path), truth, START + DAY)
    assert story(DeltaStore(tmp_path)) == expected


def _join_in_process(root: Path, truth: list[Truth], fault: KillAtCall) -> None:
    join(DeltaStore(root, fault=fault), truth, START + DAY, chunk_rows=9, fault=fault)


@pytest.mark.parametrize("ahead", [0, 1])
def test_two_joins_at_once_write_every_change_once(ahead: int, tmp_path: Path) -> None:
    truth, expected = _world(DeltaStore(tmp_path))

    def between(point: str, table: str) -> None:
        if point == "found":
            join(DeltaStore(tmp_path), truth, START + DAY)

    with pytest.raises(Transient, match="somebody else joined"):
        join(DeltaStore(tmp_path), truth, START + DAY + ahead, fault=between)
    assert story(DeltaStore(tmp_path)) == expected
    assert join(DeltaStore(tmp_path), truth, START + DAY + ahead).written == {}


# ---- one answer ----------------------------------------------------------------------------------

AT = START
FIRST = ("r0", 1.0, AT + 2 * HOUR)
CORRECTED = ("r0", 0.0, AT + 9 * HOUR)


def states(store):
    return [(row[5], row[6], row[8], row[9]) for row in story(store)]


def test_pending_then_labelled_then_restated(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT)])
    truth = [FIRST, CORRECTED]
    written = [join(store, truth, AT + hours * HOUR).written for hours in (0, 1, 3, 4, 10, 11, 60)]
    assert written == [{"pending": 1}, {}, {"labelled": 1}, {}, {"labelled": 1}, {}, {}]
    assert states(store) == [("pending", None, 0, 0), ("labelled", 1.0, 1, 0), ("labelled", 0.0, 2, 1)]
    assert store.read(OUT).schema == OUTCOMES
    assert store.version(OUT) == 2


def test_the_same_value_again_moves_the_instant_and_is_no_correction(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT)])
    join(store, [FIRST], AT + DAY)
    report = join(store, [FIRST, ("r0", 1.0, AT + 30 * HOUR)], AT + 2 * DAY)
    assert (report.written, report.restated) == ({"labelled": 1}, 0)
    assert [row[7] for row in story(store)] == [AT + 2 * HOUR + DELAY, AT + 30 * HOUR + DELAY]
    assert states(store)[-1] == ("labelled", 1.0, 1, 0)


def test_what_comes_after_giving_up_is_never_a_label(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT)])
    truth = [("r0", 1.0, AT + GIVE_UP)]
    for hours in (47, 48, 400):
        join(store, truth, AT + hours * HOUR)
    assert states(store) == [("pending", None, 0, 0), ("given_up", None, 1, 0)]


def test_each_answer_to_one_request_has_a_story_of_its_own(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    later = Answer("r0", AT + 3 * HOUR, AT + 3 * HOUR)  # asked again, after the first truth happened
    land(store, [Answer("r0", AT, AT), Answer("r0", AT, AT), later])
    assert join(store, [FIRST], AT + 5 * HOUR).written == {"labelled": 2, "pending": 1}


def test_labels_that_come_in_late_are_seen_until_a_bound(tmp_path: Path) -> None:
    for late, seen in [(DAY, True), (0, False), (None, True)]:
        store = DeltaStore(tmp_path / str(late))
        land(store, [Answer("r0", AT, AT)])
        join(store, [], AT + GIVE_UP + HOUR)
        report = join(store, [FIRST], AT + 30 * DAY, late_us=late)
        assert (report.written == {"labelled": 1}, report.final) == (seen, not seen), late


@pytest.mark.parametrize(("before", "seen"), [(0, False), (1, True)])
def test_the_bound_is_exact(before: int, seen: bool, tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT)])
    join(store, [], AT + GIVE_UP + DAY - before)
    assert bool(join(store, [FIRST], AT + 30 * DAY, late_us=DAY).written) is seen


def test_an_answer_that_lands_long_after_its_request_is_not_missed(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r1", AT, AT)])
    join(store, [FIRST], AT + 300 * DAY, late_us=0)
    land(store, [Answer("r0", AT, AT + 301 * DAY)])
    report = join(store, [FIRST], AT + 302 * DAY, late_us=0)
    assert (report.new, report.final, report.written) == (1, 1, {"labelled": 1})


def test_another_label_tells_every_story_on(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT), Answer("r1", AT, AT)])
    join(store, [FIRST], AT + 90 * DAY)
    label = gl.Label("y", source=TRUTH, value=lambda t: t.y * 2, give_up_after="4d")
    other = gl.Model("m", requests=REQUESTS, features=MODEL.features, label=label, estimator=object, metrics=["rmse"])
    report = join(store, [FIRST], AT + 91 * DAY, model=other)
    assert (report.written, report.restated, report.final) == ({"given_up": 1, "labelled": 1}, 0, 0)
    assert states(store)[1] == ("labelled", 2.0, 1, 0)
    assert join(store, [FIRST], AT + 92 * DAY, model=other).written == {}


def test_ids_that_are_numbers_are_looked_up_as_numbers(tmp_path: Path) -> None:
    """Also where an older definition had texts."""
    asks = gl.EventSource("asks", schema={"id": int, "x": float, "t": datetime}, event_time="t", event_id="id")
    truth = gl.EventSource("truth", schema={"id": int, "y": float, "t": datetime}, event_time="t")
    label = gl.Label("y", source=truth, value=lambda t: t.y, give_up_after="2d")
    own = gl.on_demand(doubled)
    model = gl.Model("m", requests=asks, features=[own], label=label, estimator=object, metrics=["rmse"])
    store = DeltaStore(tmp_path)
    land(store, [Answer("17", AT, AT), Answer("a17", AT, AT), Answer("", AT, AT)])
    rows = pa.table({"id": [17], "y": [2.5], "t": pa.array([AT]).cast(TIMESTAMP)})
    join_labels(model, TableSources({"truth": rows}), store, known_by_us=AT)
    assert [(row[2], row[6]) for row in story(store)] == [("17", 2.5), ("a17", None), ("", None)]


def doubled(r):
    return {"double": r.x * 2}


# ---- what is refused -----------------------------------------------------------------------------


def test_no_story_goes_back(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT)])
    join(store, [FIRST], AT + DAY)
    with pytest.raises(InputError, match="no story goes back"):
        join(store, [FIRST], AT + DAY - 1)
    assert join(store, [FIRST], AT + DAY).written == {}


def test_nothing_has_landed(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gapless compact"):
        join(DeltaStore(tmp_path), [], AT)
    with pytest.raises(NotFound, match="gapless labels m"):
        latest_outcomes(DeltaStore(tmp_path), "m")


def test_outcomes_of_a_time_as_an_earlier_join_saw_them(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, [Answer("r0", AT, AT), Answer("r1", AT + DAY, AT + DAY, TABLES[2])])
    for known_by in (AT + HOUR, AT + DAY):
        join(store, [FIRST], known_by)

    def maturities(**more):
        return latest_outcomes(store, "m", **more).sort_by("as_of").column("maturity").to_pylist()

    assert maturities() == ["labelled", "pending"]
    assert maturities(known_by_us=AT + DAY - 1) == ["pending", "pending"]
    assert maturities(until_us=AT + DAY) == ["labelled"]
    assert maturities(since_us=AT + 1, until_us=AT + DAY) == []
    assert isinstance(latest_outcomes(store, "m"), pa.Table)
