"""The processor: every event counts once and every request is answered once, whatever is killed."""

import random
from collections import Counter

import pytest

from gapless.clock import DAY
from gapless.errors import Conflict, CorruptData
from gapless.online import Layout
from gapless.ports.topics import events_topic
from gapless.testing import Crash
from tests.features.world import EVENTS, START
from tests.online.stores import MemoryStore
from tests.online.test_reading import bits
from tests.streaming.stage import Stage, drain, nothing, same_vectors
from tests.streaming.worlds import GROUPS, LAYOUT, batch, history

END = START + 10 * DAY


def told(seed, partitions, *, events=60, requests=25, **more):
    """(stage, what happens in the order in which it becomes known, the requests)."""
    rows, asks = history(seed, events=events, requests=requests)
    files, rows = rows[: seed % 3 * 8], rows[seed % 3 * 8 :]
    # What the state of files holds is visible before anybody asks.
    files = [row | {"time": row["time"] - 6 * DAY, "known": row["known"] - 6 * DAY} for row in files]
    rows.sort(key=lambda row: row["known"])
    asks = sorted(asks, key=lambda ask: ask[1])
    draw = random.Random(seed)
    stage = Stage(partitions, files, **more)
    stage.clock.us = END
    stage.fill_files()
    steps = [(row["known"], 0, row, draw.randrange(partitions)) for row in rows]
    steps += [(at, 1, (key, at), i) for i, (key, at) in enumerate(asks)]
    return stage, sorted(steps, key=lambda step: step[:2]), asks


def play(stage, steps, processor, seed):
    """Pushes and steps take turns."""
    draw = random.Random(seed)
    for _, kind, what, where in steps:
        if kind:
            stage.ask([what], where)
        else:
            stage.push([what], where)
        if draw.random() < 0.3:
            processor.step()
    drain(processor)


@pytest.mark.parametrize("seed", range(40))
def test_state_and_answers_are_those_of_batch(seed):
    stage, steps, asks = told(seed, 1 + seed % 3)
    processor = stage.processor()
    drain(processor)
    play(stage, steps, processor, seed)
    later = [(key, max(at, END)) for key, at in asks]
    assert bits(stage.read(later)[0]) == bits(batch(stage.ordered, later))
    told_answers, entries = stage.answers()
    assert [answer["request_id"] for answer in told_answers] == [f"r{i}" for i in range(len(asks))]
    assert same_vectors(entries, asks, stage.ordered)
    assert not [entry for entry in entries if "asked_in_past" in {reason["code"] for reason in entry.reasons}]


class Crashing:
    """A fault that crashes at random, again and again; the next process may crash while it recovers."""

    def __init__(self, seed, most):
        self.draw, self.most, self.crashes, self.on = random.Random(seed), most, 0, False
        self.left = self.draw.randrange(1, most)

    def __call__(self, point, what):
        if not self.on:  # a push is the producer's
            return
        self.left -= 1
        if not self.left:
            self.left, self.crashes = self.draw.randrange(1, self.most), self.crashes + 1
            raise Crash(point, what)


def crashing_run(seed, **more):
    """A story in which the processor crashes some hundred times; (stage, the requests, crashes)."""
    stage, steps, asks = told(seed, 1 + seed % 3, events=40, requests=12, **more)
    stage.fault = crashing = Crashing(seed, 4 + seed % 20)
    processor = stage.processor()
    drain(processor)  # from here on it answers what comes
    draw = random.Random(seed)

    def work(action):
        nonlocal processor
        crashing.on = True
        try:
            action(processor)
        except Crash:
            processor = stage.processor()
        finally:
            crashing.on = False

    for _, kind, what, where in steps:
        stage.ask([what], where) if kind else stage.push([what], where)
        for _ in range(draw.randrange(3)):
            work(lambda one: one.step())
    for _ in range(100):
        work(lambda one: one.step())
    stage.fault = nothing
    drain(processor)
    return stage, asks, crashing.crashes


@pytest.mark.parametrize("seed", range(10))
def test_crashed_anywhere_every_event_counts_once_and_every_request_is_answered_once(seed):
    """Ten thousand crashes in all, in the processor, the log, the stores and the landing."""
    crashes = answered = exactly = 0
    for turn in range(1_000):
        stage, asks, some = crashing_run(1_000 * seed + turn)
        crashes += some
        later = [(key, max(at, END)) for key, at in asks]
        assert bits(stage.read(later)[0]) == bits(batch(stage.ordered, later)), turn
        answers, entries = stage.answers()
        assert Counter(answer["request_id"] for answer in answers) == Counter(f"r{i}" for i in range(len(asks)))
        exact = [e for e in entries if "asked_in_past" not in {reason["code"] for reason in e.reasons}]
        assert same_vectors(exact, asks, stage.ordered), turn
        answered, exactly = answered + len(entries), exactly + len(exact)
        if crashes >= 1_000:
            break
    assert crashes >= 1_000
    assert exactly > answered / 2  # what a crash took away of the past is marked; the rest is exact


@pytest.mark.parametrize("seed", range(24))
def test_a_store_that_was_emptied_or_put_back_is_filled_again(seed):
    """In the middle of the work, without a word; what is answered meanwhile is right, or says that it is not."""
    stage, steps, asks = told(seed, 1 + seed % 2)
    processor = stage.processor()
    drain(processor)
    draw = random.Random(seed)
    older = dict(stage.online.values)
    lose, copy = draw.randrange(10, len(steps)), draw.randrange(5, len(steps))
    for i, (_, kind, what, where) in enumerate(steps):
        stage.ask([what], where) if kind else stage.push([what], where)
        if i == copy:
            older = dict(stage.online.values)
        if i == lose:
            stage.online.values.clear()
            if seed % 3 == 0 and copy < lose:
                stage.online.values.update(older)
        try:
            if draw.random() < 0.6:
                processor.step()
        except Conflict:
            processor.reset()
            stage.fill_files()
    settle(processor, stage.fill_files)
    later = [(key, max(at, END)) for key, at in asks]
    table, looked = stage.read(later)
    assert bits(table) == bits(batch(stage.ordered, later))
    assert looked.as_of_us["stats"] is not None
    told_answers, entries = stage.answers()
    assert Counter(answer["request_id"] for answer in told_answers) == Counter(f"r{i}" for i in range(len(asks)))
    honest = {"asked_in_past", "not_materialized"}
    exact = [e for e in entries if not honest & {reason["code"] for reason in e.reasons}]
    assert same_vectors(exact, asks, stage.ordered)


def settle(processor, mend=lambda: None):
    """What was changed under it is read anew."""
    for _ in range(5):
        try:
            drain(processor)
        except Conflict:
            processor.reset()
            mend()
        else:
            return
    raise AssertionError("it never settles")


def test_two_processors_on_the_same_partitions_change_nothing_twice():
    """The first one does not know yet that its partitions are somebody else's."""
    for turn in range(30):
        stage, steps, _ = told(turn, 1, events=40, requests=0)
        first, second = stage.processor(answers=False), stage.processor(answers=False)
        first.member = second.member
        draw = random.Random(turn)
        first.step()
        for _, _, row, where in steps:
            stage.push([row], where)
            each = draw.choice([first, second])
            try:
                each.step()
            except Conflict:
                each.reset()
        settle(second)
        later = [(key, max(at, END)) for key, at in history(turn, events=1, requests=25)[1]]
        assert bits(stage.read(later)[0]) == bits(batch(stage.ordered, later)), turn


def test_a_new_view_is_filled_beside_the_old_one_and_handed_over():
    stage, steps, asks = told(5, 2)
    old = stage.processor(layouts=[])
    old.step()
    play(stage, steps[:30], old, 2)
    stage.online = MemoryStore(fault=stage._fault)
    stage.fill_files()
    processor = stage.processor(layouts=[Layout.of(GROUPS[0])])
    play(stage, steps[30:], processor, 3)
    assert all(part.ready for shard in processor.shards.values() for part in shard.parts)
    later = [(key, max(at, END)) for key, at in asks]
    assert bits(stage.read(later)[0]) == bits(batch(stage.ordered, later))
    assert LAYOUT.namespace == Layout.of(GROUPS[0]).namespace


def test_a_log_that_lost_what_the_state_needs_is_refused():
    stage, steps, _ = told(6, 1, requests=0)
    processor = stage.processor()
    drain(processor)
    for _, _, row, where in steps[:20]:
        stage.push([row], where)
    drain(processor)
    for _, _, row, where in steps[20:]:
        stage.push([row], where)
    stage.log.trim(events_topic(EVENTS), 0, 25)
    with pytest.raises(CorruptData, match="no longer holds"):
        processor.step()
    fresh = stage.processor()
    with pytest.raises((ValueError, LookupError), match="no longer holds"):
        fresh.step()
