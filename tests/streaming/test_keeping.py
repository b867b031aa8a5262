"""Partitions brought on by workers that a scheduler feeds: the state of the processor, whatever happens to a batch."""

import random
from dataclasses import replace

import pytest

from gapless.errors import Conflict, CorruptData, MissingExtra, NotFound, UnknownName
from gapless.events.payload import pack_rows
from gapless.online import Layout
from gapless.ports.events import Outgoing
from gapless.ports.places import record_of
from gapless.ports.ranges import Range
from gapless.streaming.parts import opened
from gapless.streaming.world import Limits
from tests.features.world import EVENTS, START
from tests.online.stores import MemoryStore
from tests.streaming.memory import GroupedLog
from tests.streaming.scheduler import TOPIC, Scheduler, same_state, shipped, tiles
from tests.streaming.stage import LIMITS, Stage, drain, nothing
from tests.streaming.test_processor import END, Crashing, told
from tests.streaming.worlds import GROUPS, LAYOUT


def later(asks):
    return [(key, max(at, END)) for key, at in asks]


def rows_of(steps):
    return [(row, where) for _, kind, row, where in steps if not kind]


def story(seed, *, events=60):
    """(stage, (row, partition) in the order in which they become known, requests)."""
    stage, steps, asks = told(seed, 1 + seed % 3, events=events)
    return stage, rows_of(steps), asks


@pytest.mark.parametrize("seed", range(40))
def test_state_is_that_of_batch_and_of_the_processor(seed):
    """Ranges of any size, lost on the way, twice, on any worker."""
    stage, rows, asks = story(seed)
    scheduler = Scheduler(stage, seed)
    draw = random.Random(seed)
    for row, where in rows:
        stage.push([row], where)
        if draw.random() < 0.3:
            scheduler.batch()
    scheduler.drain()
    assert same_state(stage, later(asks))
    assert not [one.fault for one in scheduler.outcomes if one.fault is not None]

    other, rows, _ = story(seed)
    processor = other.processor(answers=False)
    for row, where in rows:
        other.push([row], where)
    drain(processor)
    # What waits for its time to come is in the one and may be in the other by now: what is read is the same.
    assert tiles(stage.online).keys() == tiles(other.online).keys()
    assert same_state(other, later(asks))


def test_records_hold_the_same_bytes_where_no_event_comes_early():
    for seed in range(20):
        stage, rows, _ = story(seed)
        rows = [(row | {"known": max(row["known"], row["time"])}, where) for row, where in rows]
        rows.sort(key=lambda one: one[0]["known"])
        other = story(seed)[0]
        scheduler, processor, draw = Scheduler(stage, seed), other.processor(answers=False), random.Random(seed)
        for row, where in rows:
            stage.push([row], where)
            other.push([row], where)
            if draw.random() < 0.2:
                scheduler.batch()
            if draw.random() < 0.2:
                processor.step()
        scheduler.drain()
        drain(processor)
        assert tiles(stage.online) == tiles(other.online)
        assert len(tiles(stage.online)) > 5


@pytest.mark.parametrize("seed", range(6))
def test_workers_and_drivers_that_crash_anywhere_count_each_event_once(seed):
    """More than a thousand crashes in all: in tasks, the store, the tables, and between batches."""
    crashes = 0
    for turn in range(200):
        stage, rows, asks = story(1_000 * seed + turn, events=40)
        stage.fault = crashing = Crashing(seed * 1_000 + turn, 10 + turn % 50)
        scheduler, draw = Scheduler(stage, turn), random.Random(turn)
        for row, where in rows:
            stage.push([row], where)
            crashing.on = True
            for _ in range(draw.randrange(2)):
                scheduler.batch()
            crashing.on = False
            if draw.random() < 0.1:
                scheduler.restart()
        stage.fault = nothing
        scheduler.drain()
        assert same_state(stage, later(asks)), turn
        crashes += scheduler.crashes
        if crashes >= 200:
            break
    assert crashes >= 200


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_is_handed_to_the_embedded_processor_and_back(seed):
    stage, rows, asks = story(seed)
    scheduler, processor, draw = Scheduler(stage, seed), stage.processor(answers=False), random.Random(seed)
    on_spark = True
    for row, where in rows:
        stage.push([row], where)
        if draw.random() < 0.15:
            on_spark = not on_spark
            if on_spark:
                scheduler.restart()
            else:
                processor = stage.processor(answers=False)
        if draw.random() < 0.5:
            scheduler.batch() if on_spark else processor.step()
    scheduler.restart()
    scheduler.drain()
    assert same_state(stage, later(asks))
    follower = stage.processor(answers=False)
    drain(follower)
    assert all(part.ready for shard in follower.shards.values() for part in shard.parts)
    assert follower.counts["events"].events == 0


@pytest.mark.parametrize("seed", range(20))
def test_both_at_once_get_in_one_anothers_way_and_change_nothing_twice(seed):
    stage, rows, asks = story(seed)
    scheduler, processor, draw = Scheduler(stage, seed), stage.processor(answers=False), random.Random(seed)
    conflicts = 0
    for row, where in rows:
        stage.push([row], where)
        scheduler.batch()
        if draw.random() < 0.5:
            try:
                processor.step()
            except Conflict:
                conflicts += 1
                processor.reset()
    scheduler.drain()
    assert same_state(stage, later(asks))
    assert conflicts


@pytest.mark.parametrize("seed", range(20))
def test_a_store_that_was_emptied_is_filled_again(seed):
    stage, rows, asks = story(seed)
    scheduler, draw = Scheduler(stage, seed), random.Random(seed)
    lose = draw.randrange(5, len(rows))
    for i, (row, where) in enumerate(rows):
        stage.push([row], where)
        if i == lose:
            stage.online.values.clear()
        if draw.random() < 0.5:
            scheduler.batch()
    scheduler.batch()
    stage.fill_files()
    scheduler.drain()
    assert same_state(stage, later(asks))
    assert stage.read(later(asks))[1].as_of_us["stats"] is not None


def test_a_new_view_is_filled_in_steps_and_handed_over():
    stage, rows, asks = story(5)
    old = Scheduler(stage, 5, layouts=[])
    for row, where in rows[:40]:
        stage.push([row], where)
        old.batch()
    stage.online = MemoryStore(fault=stage._fault)
    stage.fill_files()
    scheduler = Scheduler(stage, 6, careless=False, layouts=[Layout.of(GROUPS[0])])
    for row, where in rows[40:]:
        stage.push([row], where)
    scheduler.drain()
    assert sum(one.filled for one in scheduler.outcomes) > 0
    assert same_state(stage, later(asks))


def test_a_definition_that_changed_is_taken_up_by_workers_that_know_the_old_one():
    stage, rows, asks = story(7)
    scheduler = Scheduler(stage, 7, layouts=[])
    for row, where in rows:
        stage.push([row], where)
    scheduler.drain()
    assert not tiles(stage.online)
    scheduler.followed = Scheduler(stage, 7).followed
    scheduler.drain()
    assert same_state(stage, later(asks))


def test_a_log_that_lost_what_the_state_needs_is_refused_also_where_it_was_not_delivered():
    stage, rows, _ = story(6)
    scheduler = Scheduler(stage, 6, workers=1, careless=False)
    for row, _ in rows[:20]:
        stage.push([row], 0)
    scheduler.drain()
    for row, _ in rows[20:]:
        stage.push([row], 0)
    stage.log.trim(TOPIC, 0, stage.log.spans(TOPIC)[0].end - 5)
    where = Range(TOPIC, 0, 20, stage.log.spans(TOPIC)[0].end, stage.clock.now_us(), True)
    for _ in range(3):
        with pytest.raises((CorruptData, NotFound), match="no longer holds"):
            scheduler.batch([where])
    with pytest.raises(LookupError, match="no longer holds"):
        Scheduler(stage, 1).drain()


def test_records_that_another_process_landed_and_let_go_of_are_not_missed():
    """The worker that kept the partition is behind by more than the log still holds."""
    stage, rows, asks = story(8)
    stage.limits = Limits(batch_bytes=1_000, buffer_bytes=4_000, fill_rows=7, refresh_us=1)
    scheduler = Scheduler(stage, 8, workers=1, careless=False)
    for row, _ in rows[:10]:
        stage.push([row], 0)
    scheduler.drain()
    for row, _ in rows[10:40]:
        stage.push([row], 0)
    drain(stage.processor(answers=False))
    end = stage.log.spans(TOPIC)[0].end
    other = Scheduler(stage, 9)
    other.batch()
    land_all(other)
    stage.log.trim(TOPIC, 0, end - 1)
    for row, _ in rows[40:]:
        stage.push([row], 0)
    scheduler.drain()
    assert same_state(stage, later(asks))


def land_all(scheduler):
    for _ in range(60):
        scheduler.batch()
        if any(one.landed is not None for one in scheduler.outcomes):
            return
    raise AssertionError("nothing was landed")


def test_repeats_are_decided_by_the_log_whichever_worker_reads_it():
    """Each event comes three times, some with other values under the same id."""
    stage, rows, _ = story(3)
    stage.limits = LIMITS
    source = replace(EVENTS, event_id="text")
    stage.source = source
    scheduler, draw = Scheduler(stage, 3), random.Random(3)
    values = []
    for i, (row, _) in enumerate(rows):
        plain = {"a": row["key"][0], "b": row["key"][1], "x": row["x"], "text": f"e{i}", "at": row["time"],
                 "known": row["known"]}  # fmt: skip
        values += [plain, plain, plain | {"x": 77.0}]
    draw.shuffle(values)
    for plain in values:
        for value, headers in pack_rows(source, [plain], [plain["known"]]):
            stage.log.append(TOPIC, [Outgoing(0, value, b"", headers)])
        if draw.random() < 0.3:
            scheduler.batch()
    scheduler.drain()
    stage.online, first = MemoryStore(), stage.online
    stage.fill_files()
    other = Scheduler(stage, 4, workers=1, careless=False)
    other.drain()
    assert tiles(first) == tiles(stage.online)
    assert sum(one.counts.get("duplicates", 0) for one in scheduler.outcomes) > 10


def test_errors_travel():
    for error in (Conflict("a", seen=object), UnknownName("view", "x", ["xy"]), MissingExtra("Spark", "spark")):
        came = shipped(error)
        assert type(came) is type(error)
        assert came.to_dict() == error.to_dict()


@pytest.mark.parametrize("gap", [0, 2])
def test_a_range_is_kept_to_and_says_no_more_than_it_holds(gap):
    """One that does not reach the end of the log: what comes behind it is neither in nor said to be."""
    stage = Stage(1)
    stage.log = GroupedLog(now_us=stage.clock.now_us, gap=gap)
    stage.log.create(TOPIC, 1)
    rows = rows_of(told(2, 1, requests=0)[1])
    scheduler = Scheduler(stage, 2, workers=1, careless=False)
    scheduler.drain()
    for row, _ in rows:
        stage.push([row | {"known": START}], 0)
    records = stage.log.read(TOPIC, 0, 0, max_bytes=1 << 20)
    end = records[20].offset
    asked_us = stage.clock.now_us()
    (outcome,) = scheduler.batch([Range(TOPIC, 0, 0, end, asked_us, False)])
    assert outcome.offset == records[19].offset + 1
    assert outcome.fresh_us < records[20].appended_us < asked_us
    (part,) = opened([LAYOUT], 0, stage.online, recent_bytes=0)
    assert record_of(part.offset.offset) == outcome.offset
    assert part.offset.as_of_us == outcome.fresh_us
    if not gap:  # with one, it is not told from a range that was never delivered, and is read from the log
        (outcome,) = scheduler.batch([Range(TOPIC, 0, 0, end, asked_us, False)])
        assert (outcome.events, outcome.offset) == (0, end)
    (outcome,) = scheduler.batch([Range(TOPIC, 0, end, records[-1].offset + 1, asked_us, True)])
    assert outcome.events == len(rows) - 20
    assert outcome.fresh_us == asked_us
