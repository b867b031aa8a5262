"""The log in the offline store: whole and once, wherever it is killed and however many do it."""

from __future__ import annotations

import multiprocessing
import random
import threading

import pyarrow as pa
import pytest

from gapless.adapters.delta import APPEND_POINTS, DeltaStore
from gapless.adapters.delta.files import Sizes
from gapless.arrow import KNOWN_AT, OFFSET
from gapless.errors import CorruptData, InputError, NotFound, Transient
from gapless.events.intake import Intake
from gapless.events.landed import next_record
from gapless.events.landing import (
    LAND_POINTS,
    Landed,
    land,
    landed_batches,
    landed_end,
    partitions_landed,
    trim_landed,
    warm_intake,
)
from gapless.ports.events import LogRecord, Outgoing
from gapless.ports.places import place_of
from gapless.product import EventSource
from gapless.testing.faults import Crash, CrashAtCall
from tests.events.clicks import START, clicks, foreign, json_values, shown
from tests.events.memory_log import MemoryLog

SOURCE = clicks()
TOPIC = "events.clicks"
_SMALL = {"max_bytes": 400, "horizon": 10}
_SIZES = Sizes(rows_per_file=64, rows_per_group=16)


def _value(draw, number):
    """One to three events of a record: new ones, repeats, conflicts, bad ones, and what is no record at all."""
    if draw.random() < 0.08:
        return foreign(draw.choice([b"{", b"[1]", b"[]", b'{"id": "x"}']))[0]
    rows = [
        {
            "id": f"i{max(number + draw.choice([0, 0, 0, -1, -3, -30]), 0)}",
            "page": draw.choice(["p", "p", "p", "q"]),
            "at": None if draw.random() < 0.05 else START + number,
            KNOWN_AT: START + number,
        }
        for _ in range(draw.randint(1, 3))
    ]
    return json_values(SOURCE, rows, each=3)[0]


def _fill(log, seed, count, first=0):
    draw = random.Random(seed)
    log.create(TOPIC, 2)
    values = [_value(draw, first + i) for i in range(count)]
    log.append(TOPIC, [Outgoing(1, value, b"", headers) for value, headers in values])
    return log


def _log(seed=1, count=60, gap=0):
    return _fill(MemoryLog(gap=gap, now_us=lambda: START), seed, count)


def _store(path, **options):
    return DeltaStore(path, sizes=_SIZES, **options)


def _all(log, partition=1):
    return log.read(TOPIC, partition, log.spans(TOPIC)[partition].start, max_bytes=1 << 30)


def _landed(store):
    batches = list(landed_batches(store, SOURCE, 1, list(SOURCE.columns), from_place=0))
    return [row for batch in batches for row in shown(batch)]


def _aside(store):
    if store.version("quarantine/clicks") is None:
        return []
    rows = store.read("quarantine/clicks").read_all().to_pylist()
    return [(row["row_number"], row["reason"], row["column"], row["row"], row["file"], row["batch_id"]) for row in rows]


def _check(store, log, *, aside=3):
    """The table is what one intake makes of the whole log; so is the quarantine."""
    taken = Intake(SOURCE, 1, horizon=10).take(_all(log))
    assert _landed(store) == shown(taken.rows)
    name = f"{TOPIC}/1"
    expected = [(r.place, r.reason, r.column, r.text, name, f"log:{name}:{r.place >> 16}") for r in taken.rejected]
    assert _aside(store) == expected
    assert len(expected) >= aside
    assert next_record(store, SOURCE, 1) == taken.end


@pytest.mark.parametrize("gap", [0, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_table_is_what_an_intake_makes_of_the_log(seed, gap, tmp_path):
    log, store = _log(seed, gap=gap), _store(tmp_path)
    landed = land(log, store, SOURCE, 1, **_SMALL)
    taken = Intake(SOURCE, 1, horizon=10).take(_all(log))
    assert landed == Landed(taken.rows.num_rows, len(taken.rejected), taken.duplicates, taken.end)
    _check(store, log)
    assert land(log, store, SOURCE, 1, **_SMALL) == Landed(end=taken.end)
    _fill(log, seed + 100, 20, first=60)
    land(log, store, SOURCE, 1, **_SMALL)
    _check(store, log)
    assert partitions_landed(store, SOURCE) == [1]


def test_nothing_is_landed_of_an_empty_partition(tmp_path):
    store = _store(tmp_path)
    assert land(_log(), store, SOURCE, 0) == Landed()
    assert (landed_end(store, SOURCE, 0), partitions_landed(store, SOURCE)) == (0, [])
    assert store.tables() == []
    assert list(landed_batches(store, SOURCE, 0, ["id"], from_place=0)) == []
    with pytest.raises(NotFound):
        land(MemoryLog(), store, SOURCE, 0)


def test_landed_batches_come_from_a_place_until_another(tmp_path):
    log, store = _log(), _store(tmp_path)
    land(log, store, SOURCE, 1, **_SMALL)
    every = _landed(store)
    assert landed_end(store, SOURCE, 1) == every[-1][OFFSET] + 1
    for start, end in [
        (0, None),
        (place_of(7), place_of(31)),
        (every[5][OFFSET], every[9][OFFSET]),
        (place_of(99), None),
    ]:
        batches = landed_batches(store, SOURCE, 1, ["page", "id"], from_place=start, until_place=end)
        found = [row for batch in batches for row in shown(batch)]
        kept = [row for row in every if start <= row[OFFSET] and (end is None or row[OFFSET] < end)]
        assert found == [{name: row[name] for name in ("page", "id", KNOWN_AT, OFFSET)} for row in kept]


# ---- crashes -------------------------------------------------------------------------------------------


def _counted(path, log):
    calls = []
    land(log, _store(path, fault=lambda *at: calls.append(at)), SOURCE, 1, **_SMALL, fault=lambda *at: calls.append(at))
    return calls


@pytest.mark.parametrize("third", range(3))
def test_killed_at_every_point_it_is_whole_and_once_after_another_run(third, tmp_path):
    log = _log(count=7)
    calls = _counted(tmp_path / "undisturbed", log)
    assert {point for point, _ in calls} == {*LAND_POINTS, *APPEND_POINTS}
    for call in range(1 + third, len(calls) + 1, 3):
        path, fault = tmp_path / str(call), CrashAtCall(call)
        with pytest.raises(Crash):
            land(log, _store(path, fault=fault), SOURCE, 1, **_SMALL, fault=fault)
        land(log, _store(path), SOURCE, 1, **_SMALL)
        _check(_store(path), log, aside=1)


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again_while_the_log_grows(seed, tmp_path):
    draw, kills = random.Random(seed), 0
    log = _log(seed, count=5)
    for step in range(6):
        while True:
            fault = CrashAtCall(draw.randint(1, 40))
            try:
                land(log, _store(tmp_path, fault=fault), SOURCE, 1, **_SMALL, fault=fault)
                break
            except Crash:
                kills += 1
                if draw.random() < 0.3:
                    _fill(log, draw.random(), 3, first=log.spans(TOPIC)[1].end)
        _fill(log, draw.random(), 5, first=10 * step)
    land(log, _store(tmp_path), SOURCE, 1, **_SMALL)
    assert kills > 3
    _check(_store(tmp_path), log)


def test_two_at_once_with_one_start_and_different_ends(tmp_path):
    """One stops before its commit; another one lands the same beginning, and more, meanwhile."""
    for call in range(1, 13):
        log, path = _log(count=10), tmp_path / str(call)
        left = [call]

        def meanwhile(point, table, *, log=log, path=path, left=left):
            left[0] -= 1
            if left[0] == 0:
                _fill(log, 7, 10, first=10)
                land(log, _store(path), SOURCE, 1, max_bytes=900, horizon=10)

        land(log, _store(path), SOURCE, 1, **_SMALL, fault=meanwhile)
        land(log, _store(path), SOURCE, 1, **_SMALL)
        _check(_store(path), log)


@pytest.mark.parametrize("seed", range(3))
def test_many_at_once(seed, tmp_path):
    log, problems = _log(seed, count=30), []

    def run(number):
        try:
            land(log, _store(tmp_path), SOURCE, 1, max_bytes=400 + 250 * number, horizon=10)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    _check(_store(tmp_path), log)


def _land_in_process(path, seed):
    land(_log(seed, count=20), _store(path), SOURCE, 1, **_SMALL)


def test_many_processes_at_once(tmp_path):
    context = multiprocessing.get_context("forkserver")
    workers = [context.Process(target=_land_in_process, args=(tmp_path, 3)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    _check(_store(tmp_path), _log(3, count=20))


class _Conflicting(DeltaStore):
    """Somebody else commits in between, some times."""

    times = 2

    def append(self, *arguments, **options):
        if self.times:
            self.times -= 1
            raise Transient("somebody else committed")
        return super().append(*arguments, **options)


def test_a_conflict_is_tried_again(tmp_path):
    log = _log()
    land(log, _Conflicting(tmp_path), SOURCE, 1, **_SMALL)
    _check(_store(tmp_path), log)
    stubborn = _Conflicting(tmp_path / "other")
    stubborn.times = 99
    with pytest.raises(Transient):
        land(log, stubborn, SOURCE, 1, **_SMALL)


# ---- a product that changes --------------------------------------------------------------------------------


def _source(**columns):
    kept = {name: kind for name, kind in SOURCE.columns.items() if columns.get(name, kind) is not None}
    return EventSource("clicks", schema=kept | {n: k for n, k in columns.items() if k}, event_time="at", event_id="id")


def _put(log, source, numbers, **values):
    rows = [{"id": f"e{i}", "page": "p", "x": 0.5, "at": START + i} | values for i in numbers]
    log.append(TOPIC, [Outgoing(1, value, b"", headers) for value, headers in json_values(source, rows)])


def test_columns_come_and_go_and_killed_at_any_point_nothing_is_lost(tmp_path):
    wide, narrow = _source(more=str), _source(x=None)

    def landed(path, fault):
        """The table after three products; the second one's landing is disturbed."""
        log = MemoryLog(now_us=lambda: START)
        log.create(TOPIC, 2)
        _put(log, SOURCE, range(3))
        land(log, _store(path), SOURCE, 1)
        _put(log, wide, [3, 1, 4], more="new")
        try:
            land(log, _store(path, fault=fault), wide, 1)
        except Crash:
            land(log, _store(path), wide, 1)
        _put(log, SOURCE, [5])
        land(log, _store(path), narrow, 1)
        batches = landed_batches(_store(path), wide, 1, ["id", "x", "more"], from_place=0)
        return [(row["id"], row["x"], row["more"]) for batch in batches for row in shown(batch)]

    calls = []
    rows = landed(tmp_path / "undisturbed", lambda *at: calls.append(at))
    old, new = [(f"e{i}", 0.5, None) for i in range(3)], [(f"e{i}", 0.5, "new") for i in (3, 4)]
    assert rows == [*old, *new, ("e5", None, None)]
    read = landed_batches(_store(tmp_path / "undisturbed"), narrow, 1, ["id"], from_place=0)
    assert [row["id"] for batch in read for row in shown(batch)] == [row[0] for row in rows]
    assert _aside(_store(tmp_path / "undisturbed"))[0][1] == "event_id_conflict"
    assert len(calls) > 15
    for call in range(1, len(calls) + 1):
        assert landed(tmp_path / str(call), CrashAtCall(call)) == rows


def test_a_column_of_another_type_is_refused(tmp_path):
    log = _log(count=20)
    land(log, _store(tmp_path), SOURCE, 1, **_SMALL)
    changed = _source(page=float)
    _put(log, changed, range(90, 95), page=1.0)
    with pytest.raises(InputError, match="column 'page' has another type than in the table"):
        land(log, _store(tmp_path), changed, 1, **_SMALL)


# ---- records that bring nothing --------------------------------------------------------------------------


class _Counting(MemoryLog):
    """Counts the records that are read."""

    reads = 0

    def read(self, *arguments, **options) -> list[LogRecord]:
        found = super().read(*arguments, **options)
        self.reads += len(found)
        return found


def test_bad_records_are_looked_through_once(tmp_path):
    log, store = _Counting(), _store(tmp_path)
    log.create(TOPIC, 2)
    for _ in range(5):
        log.append(TOPIC, [Outgoing(1, b"{")] * 10)
        before = log.reads
        landed = land(log, store, SOURCE, 1)
        assert (landed.rejected, log.reads - before) == (10, 10)
    assert [place >> 16 for place, *_ in _aside(store)] == list(range(50))
    assert (landed.end, landed_end(store, SOURCE, 1), next_record(store, SOURCE, 1)) == (50, 0, 50)
    log.trim(TOPIC, 1, 50)
    (value, headers), *_ = json_values(SOURCE, [{"id": "a", "at": START}])
    log.append(TOPIC, [Outgoing(1, value, b"", headers)])
    assert land(log, store, SOURCE, 1) == Landed(rows=1, end=51)
    assert land(log, store, SOURCE, 1) == Landed(end=51)


# ---- an intake that goes on ------------------------------------------------------------------------------


@pytest.mark.parametrize("event_id", ["id", None])
@pytest.mark.parametrize("seed", range(4))
def test_a_warm_intake_goes_on_as_if_it_had_taken_all(seed, event_id, tmp_path):
    """Before, at and behind the end of the table; with a table that holds more than the horizon."""
    source = clicks(event_id=event_id)
    log, store = _log(seed, count=50), _store(tmp_path)
    land(log, store, source, 1, **_SMALL)
    _fill(log, seed + 50, 30, first=50)
    found = _all(log)
    for offset in (0, 1, 13, 49, 50, 51, 66, 80):
        whole = Intake(source, 1, horizon=10)
        whole.take(found[:offset])
        expected = whole.take(found[offset:])
        warm = warm_intake(log, store, source, 1, place_of(offset), horizon=10)
        assert warm.take([]).end == offset
        taken = warm.take(found[offset:])
        assert taken.rows.equals(expected.rows)
        assert (taken.rejected, taken.duplicates) == (expected.rejected, expected.duplicates)


def test_the_newest_rows_are_found_however_far_they_lie_apart(tmp_path):
    """Records of one event each are 65,536 places apart; here some are a million records apart."""
    store, draw = _store(tmp_path), random.Random(1)
    offsets = sorted(draw.sample(range(3_000), 40) + draw.sample(range(10**6, 10**9), 40))
    rows = [{"id": f"i{i}", "at": START} for i in range(len(offsets))]
    values = json_values(SOURCE, rows)
    found = [
        LogRecord(1, offset, START, value, b"", headers)
        for offset, (value, headers) in zip(offsets, values, strict=True)
    ]
    intake = Intake(SOURCE, 1)
    for start in range(0, len(found), 16):
        taken = intake.take(found[start : start + 16]).rows
        reader = pa.RecordBatchReader.from_batches(taken.schema, [taken])
        store.append("events/clicks/1", reader, batch_id=str(start))
    log = MemoryLog()
    log.create(TOPIC, 2)
    for count in (1, 30, 50, 79, 200):
        warm = warm_intake(log, store, SOURCE, 1, place_of(offsets[-1] + 1), horizon=count)
        repeated = warm.take(
            [LogRecord(1, 10**10, START, value, b"", headers) for value, headers in values[::-1][:count]]
        )
        assert repeated.duplicates == min(count, 80)


def test_events_that_are_gone_are_said(tmp_path):
    log, store = _log(), _store(tmp_path)
    end = land(log, store, SOURCE, 1, **_SMALL).end
    _fill(log, 9, 20, first=60)
    log.trim(TOPIC, 1, end)
    warm_intake(log, store, SOURCE, 1, place_of(70), horizon=10)
    log.trim(TOPIC, 1, end + 1)
    with pytest.raises(NotFound, match="never landed"):
        land(log, store, SOURCE, 1, **_SMALL)
    with pytest.raises(NotFound, match="never landed"):
        warm_intake(log, store, SOURCE, 1, place_of(70), horizon=10)
    assert warm_intake(log, store, SOURCE, 1, place_of(end), horizon=10).take([]).end == end


def test_another_log_is_noticed(tmp_path):
    store = _store(tmp_path)
    land(_log(), store, SOURCE, 1, **_SMALL)
    with pytest.raises(CorruptData, match="shorter than what was landed"):
        land(_log(count=3), store, SOURCE, 1, **_SMALL)


# ---- trimming --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [0, 4])
def test_what_is_landed_and_old_may_go(gap):
    now = [0]
    log = MemoryLog(gap=gap, now_us=lambda: now[0])
    log.create(TOPIC, 2)
    for i in range(20):
        now[0] = 100 * (i // 2)
        log.append(TOPIC, [Outgoing(1, b"{}")])
    offsets = [record.offset for record in _all(log)]

    def trimmed(below, before):
        trim_landed(log, SOURCE, 1, below=below, known_before_us=before)
        return [record.offset for record in _all(log)]

    assert trimmed(0, 10**9) == offsets
    assert trimmed(offsets[10], 0) == offsets
    assert trimmed(offsets[10], 301) == offsets[8:]
    assert trimmed(offsets[10], 300) == offsets[8:]
    assert trimmed(offsets[10], 10**9) == offsets[10:]
    assert trimmed(10**9, 10**9) == []
