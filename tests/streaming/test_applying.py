"""Batches applied in compiled code change records as one by one: to the same bytes, or with the same error."""

import random
from dataclasses import replace

import pytest

from gapless.clock import DAY, HOUR, MINUTE
from gapless.errors import CorruptData, InputError
from gapless.online.chunks import NOTHING, arrived_by_key, combined, damaged_record
from gapless.online.keyed import Keyed
from gapless.online.record import oldest_kept_us, pack, unpack
from gapless.ports.online import Update
from gapless.ports.places import order_base, place_of
from gapless.ports.updates import MAX_VALUE_BYTES
from gapless.streaming.applying import apply
from tests.features.world import START
from tests.streaming.worlds import LAYOUT, history, landed

PART = LAYOUT.of_partition(0)
COLUMNS = [*sorted(LAYOUT.group.columns), "_known_at", "_offset"]
END = START + 6 * DAY


def one_by_one(batch, values, *, as_of_us, end):
    """What `apply` says, by Python alone: (updates, repeated, too late)."""
    keyed = Keyed.of(PART, batch, order_base=order_base(0))
    old = [_unpacked(key, values.get(key)) for key in keyed.keys]
    place = (keyed.events.offset - order_base(0)).tolist()
    fresh = [i for i, key in enumerate(keyed.events.key.tolist()) if place[i] >= old[key].position]
    events = keyed.events.take(fresh)
    base = [record.at(PART.plan.tiles, as_of_us) for record in old]
    made = combined(PART, arrived_by_key(PART, Keyed(keyed.keys, events), as_of_us), base, end)
    touched = {keyed.keys[code] for code in events.key.tolist()}
    updates = {k: Update(end, made[k], r.position) for k, r in zip(keyed.keys, old, strict=True) if k in touched}
    pairs = [(time, base[code].newest_us) for time, code in zip(events.time.tolist(), events.key.tolist(), strict=True)]
    nothing = PART.plan.tiles.empty()
    late = sum(time < newest and not nothing.retained(time, oldest_kept_us(newest)) for time, newest in pairs)
    return updates, len(place) - len(fresh), late


def _unpacked(key, data):
    try:
        return NOTHING if data is None else unpack(data)
    except CorruptData as error:
        raise damaged_record(PART, key, error) from error


def batch_of(rows, first):
    columns = landed(rows, [place_of(first + i) for i in range(len(rows))])
    return columns.select(COLUMNS)


def cuts(draw, rows):
    """Batches of any size; some begin before the last one ended. Instants go on, and may stand still."""
    at, as_of = 0, START
    while at < len(rows):
        end = min(len(rows), at + draw.choice([1, 3, 10, 40]))
        as_of += draw.choice([0, 1, 5 * MINUTE, 7 * HOUR, DAY])
        yield max(0, at - draw.choice([0, 0, 4])), end, as_of
        at = end


def compared(values, rows, first, end, as_of):
    batch = batch_of(rows[first:end], first)
    wanted, repeated, late = one_by_one(batch, values, as_of_us=as_of, end=place_of(end))
    applied = apply(PART, batch, lambda keys: [values.get(key) for key in keys], as_of_us=as_of, end=place_of(end))
    assert dict(applied.updates) == wanted
    assert (applied.repeated, applied.too_late) == (repeated, late)
    assert dict(applied.before) == {key: values.get(key) for key in applied.before}
    assert wanted.keys() <= applied.before.keys()
    return {key: update.value for key, update in wanted.items()}, late


@pytest.mark.parametrize("seed", range(60))
def test_bytes_are_those_of_one_by_one(seed):
    """With nulls, texts, late events, events that wait and come in, repeats, and batches that change nothing."""
    rows, _ = history(seed, events=120)
    draw, values = random.Random(seed), {}
    if seed % 3 == 0:
        rows.sort(key=lambda row: row["time"])
    for first, end, as_of in cuts(draw, rows):
        made, _ = compared(values, rows, first, end, as_of)
        values |= made


def test_events_that_wait_are_seen_by_these_worlds():
    """They hold what they are for."""
    waiting = came_in = late = 0
    for seed in range(20):
        rows, _ = history(seed, events=120)
        values = {}
        for first, end, as_of in cuts(random.Random(seed), rows):
            made, too_late = compared(values, rows, first, end, as_of)
            before = {key: unpack(values[key]) for key in made.keys() & values.keys()}
            waiting += sum(bool(unpack(data).waiting) for data in made.values())
            came_in += sum(bool(one.waiting) and one.changes_us <= as_of for one in before.values())
            late += too_late
            values |= made
    assert min(waiting, came_in, late) > 20


@pytest.mark.parametrize("seed", range(60))
def test_damage_is_the_same_error(seed):
    rows, _ = history(seed, events=60)
    draw, values = random.Random(seed), {}
    for first, end, as_of in [(0, 30, START + 2 * DAY), (30, 45, START + 2 * DAY)]:
        values |= compared(values, rows, first, end, as_of)[0]
    batch = batch_of(rows[45:], 45)
    keys = [key for key in Keyed.of(PART, batch).keys if key in values]
    key = draw.choice(keys)
    data = bytearray(values[key])
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    values[key] = bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])
    errors = []
    for how in (one_by_one, lambda b, v, **more: apply(PART, b, lambda keys: [v.get(key) for key in keys], **more)):
        with pytest.raises(CorruptData) as caught:
            how(batch, values, as_of_us=END, end=place_of(60))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_a_record_that_becomes_too_large_is_the_same_error():
    """A text that is the last one is kept whole."""
    text = "x" * MAX_VALUE_BYTES
    rows = [{"key": ("a", 1), "x": 1.0, "text": text, "time": START, "known": START}]
    errors = []
    for how in (one_by_one, lambda b, v, **more: apply(PART, b, lambda keys: [v.get(key) for key in keys], **more)):
        with pytest.raises(InputError, match="more state than an online store takes") as caught:
            how(batch_of(rows, 0), {}, as_of_us=END, end=place_of(1))
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_nobody_s_events_change_nothing():
    rows = [{"key": (None, 1), "x": 1.0, "text": "p", "time": START, "known": START}]
    applied = apply(PART, batch_of(rows, 0), lambda keys: [None] * len(keys), as_of_us=END, end=place_of(1))
    assert (applied.updates, applied.before, applied.too_late) == ({}, {}, 0)


def test_a_record_that_says_it_is_empty_counts_as_none():
    """Its tiles are not looked at."""
    rows = [{"key": ("a", 1), "x": 1.0, "text": "p", "time": END + DAY, "known": END}]
    batch = batch_of(rows, 5)
    (key,) = Keyed.of(PART, batch).keys
    values = {key: pack(replace(NOTHING, position=place_of(3)))}
    wanted, *_ = one_by_one(batch, values, as_of_us=END, end=place_of(6))
    assert apply(PART, batch, lambda keys: [values[k] for k in keys], as_of_us=END, end=place_of(6)).updates == wanted
