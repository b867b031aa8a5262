"""Batches applied in compiled code change records as one by one: to the same bytes, or with the same error."""

import random
from dataclasses import replace
from itertools import product

import pytest

import gapless as gl
from gapless.clock import DAY, HOUR, MINUTE
from gapless.errors import CorruptData, InputError
from gapless.features import plan_groups
from gapless.online import Layout
from gapless.online.chunks import NOTHING, arrived_by_key, combined, damaged_record
from gapless.online.keyed import Keyed
from gapless.online.record import oldest_kept_us, pack, unpack
from gapless.ports.online import Update
from gapless.ports.places import filling_after, order_base, place_at, place_of, position_at
from gapless.ports.updates import MAX_VALUE_BYTES
from gapless.streaming.applying import apply
from tests.features.world import EVENTS, START, pair
from tests.streaming.worlds import LAYOUT, history, landed


@gl.feature_view(entity=pair, source=EVENTS)
def short(e):
    """No window is since forever: events can come too late."""
    exact = gl.sum(e.x, windows=["2h"], hop="exact")
    return {"n": gl.count(windows=["1h", "12h"]), "text": gl.last(e.text, max_age="3h"), "total": exact}


WIDE, SHORT = (layout.of_partition(0) for layout in (LAYOUT, Layout.of(plan_groups([short])[0])))
END = START + 6 * DAY


def one_by_one(part, batch, values, *, as_of_us, end, base=0):
    """What `apply` says, by Python alone: (updates, repeated, too late)."""
    keyed = Keyed.of(part, batch, order_base=order_base(0))
    there = [_unpacked(part, key, values.get(key)) for key in keyed.keys]
    old = [record if record.position > base else NOTHING for record in there]
    place, codes = (keyed.events.offset - order_base(0)).tolist(), keyed.events.key.tolist()
    fresh = [i for i, key in enumerate(codes) if place[i] >= place_at(base, max(old[key].position, base))]
    events = keyed.events.take(fresh)
    before = [record.at(part.plan.tiles, as_of_us) for record in old]
    position = position_at(base, end)
    made = combined(part, arrived_by_key(part, Keyed(keyed.keys, events), as_of_us), before, position)
    touched = {keyed.keys[code] for code in events.key.tolist()}
    updates = {
        key: Update(position, made[key], record.position)
        for key, record in zip(keyed.keys, there, strict=True)
        if key in touched
    }
    return updates, len(place) - len(fresh), _too_late(part, events, before)


def _too_late(part, events, before):
    pairs = [(t, before[key].newest_us) for t, key in zip(events.time.tolist(), events.key.tolist(), strict=True)]
    nothing = part.plan.tiles.empty()
    return sum(t < newest and not nothing.retained(t, oldest_kept_us(newest)) for t, newest in pairs)


def _unpacked(part, key, data):
    try:
        return NOTHING if data is None else unpack(data)
    except CorruptData as error:
        raise damaged_record(part, key, error) from error


def batch_of(part, rows, first):
    columns = landed(rows, [place_of(first + i) for i in range(len(rows))])
    return columns.select([*sorted(part.group.columns), "_known_at", "_offset"])


def cuts(draw, rows):
    """Batches of any size; some begin before the last one ended. Instants go on, and may stand still."""
    at, as_of = 0, START
    while at < len(rows):
        end = min(len(rows), at + draw.choice([1, 3, 10, 40]))
        as_of += draw.choice([0, 1, 5 * MINUTE, 7 * HOUR, DAY])
        yield max(0, at - draw.choice([0, 0, 4])), end, as_of
        at = end


def applied(part, batch, values, *, as_of_us, end, base=0):
    return apply(part, batch, lambda keys: [values.get(key) for key in keys], as_of_us=as_of_us, end=end, base=base)


def compared(part, values, rows, first, end, as_of, base=0):
    """(the new records, how many events were too late), of which both say the same."""
    how = {"as_of_us": as_of, "end": place_of(end), "base": base}
    batch = batch_of(part, rows[first:end], first)
    wanted, repeated, late = one_by_one(part, batch, values, **how)
    done = applied(part, batch, values, **how)
    assert dict(done.updates) == wanted
    assert (done.repeated, done.too_late) == (repeated, late)
    assert wanted.keys() <= done.before.keys()
    return {key: update.value for key, update in wanted.items()}, late


@pytest.mark.parametrize("part", [WIDE, SHORT], ids=["wide", "short"])
@pytest.mark.parametrize("seed", range(60))
def test_bytes_are_those_of_one_by_one(part, seed):
    """With nulls, texts, late events, events that wait and come in, repeats, and batches that change nothing."""
    rows, _ = history(seed, events=120)
    draw, values = random.Random(seed), {}
    if seed % 3 == 0:
        rows.sort(key=lambda row: row["time"])
    for first, end, as_of in cuts(draw, rows):
        values |= compared(part, values, rows, first, end, as_of)[0]


@pytest.mark.parametrize("part", [WIDE, SHORT], ids=["wide", "short"])
@pytest.mark.parametrize("seed", range(20))
def test_records_of_an_earlier_filling_count_as_none(part, seed):
    rows, _ = history(seed, events=80)
    draw, values = random.Random(seed), {}
    for base in (0, filling_after(100), filling_after(filling_after(100))):
        for first, end, as_of in cuts(draw, rows[: draw.randrange(80)]):
            values |= compared(part, values, rows, first, end, as_of, base)[0]


def test_events_that_wait_are_seen_by_these_worlds():
    """They hold what they are for."""
    waiting = came_in = late = 0
    for seed, part in product(range(20), (WIDE, SHORT)):
        rows, _ = history(seed, events=120)
        values = {}
        for first, end, as_of in cuts(random.Random(seed), rows):
            made, too_late = compared(part, values, rows, first, end, as_of)
            before = {key: unpack(values[key]) for key in made.keys() & values.keys()}
            waiting += sum(bool(unpack(data).waiting) for data in made.values())
            came_in += sum(bool(one.waiting) and one.changes_us <= as_of for one in before.values())
            late += too_late
            values |= made
    assert min(waiting, came_in, late) > 20


@pytest.mark.parametrize("part", [WIDE, SHORT], ids=["wide", "short"])
@pytest.mark.parametrize("seed", range(60))
def test_damage_is_the_same_error(part, seed):
    rows, _ = history(seed, events=60)
    draw, values = random.Random(seed), {}
    for first, end, as_of in [(0, 30, START + 2 * DAY), (30, 45, START + 2 * DAY)]:
        values |= compared(part, values, rows, first, end, as_of)[0]
    batch = batch_of(part, rows[45:], 45)
    keys = [key for key in Keyed.of(part, batch).keys if key in values]
    key = draw.choice(keys)
    data = bytearray(values[key])
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    values[key] = bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])
    errors = []
    for how in (one_by_one, applied):
        with pytest.raises(CorruptData) as caught:
            how(part, batch, values, as_of_us=END, end=place_of(60))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_a_record_that_becomes_too_large_is_the_same_error():
    """A text that is the last one is kept whole."""
    text = "x" * MAX_VALUE_BYTES
    rows = [{"key": ("a", 1), "x": 1.0, "text": text, "time": START, "known": START}]
    errors = []
    for how in (one_by_one, applied):
        with pytest.raises(InputError, match="more state than an online store takes") as caught:
            how(WIDE, batch_of(WIDE, rows, 0), {}, as_of_us=END, end=place_of(1))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_nobody_s_events_change_nothing():
    rows = [{"key": (None, 1), "x": 1.0, "text": "p", "time": START, "known": START}]
    done = applied(WIDE, batch_of(WIDE, rows, 0), {}, as_of_us=END, end=place_of(1))
    assert (done.updates, done.before, done.too_late) == ({}, {}, 0)


def test_a_record_that_says_it_is_empty_counts_as_none():
    """Its tiles are not looked at."""
    rows = [{"key": ("a", 1), "x": 1.0, "text": "p", "time": END + DAY, "known": END}]
    batch = batch_of(WIDE, rows, 5)
    (key,) = Keyed.of(WIDE, batch).keys
    values = {key: pack(replace(NOTHING, position=3, tiles=b"no state"))}
    how = {"as_of_us": END, "end": place_of(6)}
    assert applied(WIDE, batch, values, **how).updates == one_by_one(WIDE, batch, values, **how)[0]
