"""Pending events that are folded into tiles are folded once for the same record and as many of them."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from gapless.clock import HOUR
from gapless.errors import CorruptData
from gapless.online.folds import Folds
from gapless.online.record import Record, pack, unpack, visible_from, waiting_bytes
from gapless.windows import Spec, Window
from gapless.windows.tiles import Arrival, TilePlan
from gapless.windows.window import BEGINNING

SPECS = (Spec("sum", 0, Window(3 * HOUR, HOUR)), Spec("last", 0, Window(None, 0)))


class Counted(TilePlan):
    """Counts the instants at which something was folded."""

    folded = 0

    @property
    def tiers(self):
        Counted.folded += 1
        return PLAN.tiers


PLAN = TilePlan(SPECS)


@pytest.fixture
def counted():
    Counted.folded = 0
    return Counted(SPECS)


def data(*times, position=1):
    arrivals = [Arrival((time, 0, place), (time / 7,)) for place, time in enumerate(times)]
    return pack(Record(position, BEGINNING, waiting_bytes(arrivals), PLAN.empty().to_bytes()))


def folded(work):
    before = Counted.folded
    work()
    return Counted.folded != before


def test_the_same_record_at_an_instant_that_shows_no_more_is_not_folded_again(counted):
    folds, one = Folds([counted]), data(HOUR, 2 * HOUR)
    assert folded(lambda: folds.at(0, one, HOUR + 1))
    assert not folded(lambda: folds.at(0, bytes(bytearray(one)), HOUR + 1))
    assert not folded(lambda: folds.at(0, one, 2 * HOUR))  # the second is not visible at its own instant
    assert folded(lambda: folds.at(0, one, 2 * HOUR + 1))
    assert not folded(lambda: folds.at(0, one, 9 * HOUR))
    assert not folded(lambda: folds.at(0, one, HOUR + 1))  # a request about the past
    assert not folded(lambda: folds.at(0, one, HOUR))  # nothing is visible yet
    assert folded(lambda: folds.at(0, data(HOUR, 2 * HOUR, position=2), 9 * HOUR))


@pytest.mark.parametrize("max_bytes", [0, 500, 2**20])
def test_it_is_the_record_at_the_instant_whatever_is_kept(max_bytes):
    draw = random.Random(max_bytes)
    records = [data(*(draw.randrange(20) * HOUR for _ in range(draw.randrange(5))), position=i) for i in range(12)]
    folds = Folds([PLAN, TilePlan(SPECS)], max_bytes=max_bytes)

    def read(seed):
        chance = random.Random(seed)
        for _ in range(60):
            one, at = chance.choice(records), chance.randrange(22) * HOUR + chance.randrange(2)
            assert folds.at(chance.randrange(2), one, at) == unpack(one).at(PLAN, at)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, range(4))) == [None] * 4
    assert 0 <= folds.kept_bytes <= max_bytes


def test_what_is_kept_is_bounded_and_the_newest_stay(counted):
    records = [data(HOUR, position=i) for i in range(1, 11)]
    folds = Folds([counted], max_bytes=6 * len(records[0]))
    for one in records:
        folds.at(0, one, 2 * HOUR)
    assert not folded(lambda: folds.at(0, records[-1], 2 * HOUR))
    assert folded(lambda: folds.at(0, records[0], 2 * HOUR))


def test_many_instants_of_one_record_are_bounded_too(counted):
    one = data(*(place * HOUR for place in range(200)))
    folds = Folds([counted], max_bytes=4 * len(one))
    for hour in [*range(1, 201), *range(200, 0, -1)]:
        at = hour * HOUR + 1
        assert max(map(visible_from, unpack(one).pending[:hour])) <= at
        assert folds.at(0, one, at) == unpack(one).at(PLAN, at)
        assert folds.kept_bytes <= 4 * len(one)


def test_damage_is_told_each_time():
    hurt = bytearray(data(HOUR))
    hurt[3] ^= 1
    for _ in range(2):
        with pytest.raises(CorruptData):
            Folds([PLAN]).at(0, bytes(hurt), 2 * HOUR)
