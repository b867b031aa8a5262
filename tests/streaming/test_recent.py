"""A request is answered as of its own instant: from the records before, and the events since."""

import random
from itertools import pairwise

import pyarrow as pa
import pytest

from gapless.arrow import KNOWN_AT, OFFSET
from gapless.clock import DAY
from gapless.online import OnlineReader
from gapless.ports.places import place_of
from gapless.streaming.overlay import Overlay
from tests.features.world import MODEL, START
from tests.online.stores import request
from tests.online.test_reading import bits
from tests.streaming.worlds import NAMES, batch, filled, history, landed, ready, take

END = START + 6 * DAY


def looked_back(store, parts, asks, **updates):
    """Features of each request as of its instant, through an overlay; and the rows that could not be."""
    overlay = Overlay(store)
    reader = OnlineReader.of(MODEL.feature_set, overlay)
    found, early = [], []
    with overlay.batch(updates, {part.layout.namespace: part.recent for part in parts}):
        for i, (key, at) in enumerate(asks):
            with overlay.at(at):
                looked = reader.read([request(key, at)], [at])
            found.append(pa.table(looked.columns()).select(NAMES))
            early += [i] * bool(looked.early)
    return pa.concat_tables(found), early


@pytest.mark.parametrize("seed", range(40))
def test_equals_batch_at_every_instant_that_is_kept(seed):
    """Events come in the order in which they become known; requests lie anywhere before the end."""
    rows, asks = history(seed, events=80, requests=30)
    rows.sort(key=lambda row: row["known"])
    draw = random.Random(seed)
    store = filled([], START - DAY)
    parts = ready(store, 2)
    logs = [rows[0::2], rows[1::2]]
    ends = sorted({0, 40, *draw.sample(range(41), 6)})
    for first, end in pairwise(ends):
        for part, log in zip(parts, logs, strict=True):
            take(store, part, log, first, end, as_of_us=max([row["known"] for row in log[:end]], default=START))
    ordered = [*logs[0], *logs[1]]
    table, early = looked_back(store, parts, asks)
    assert not early
    assert bits(table) == bits(batch(ordered, asks))


def test_what_is_in_the_batch_is_seen_before_it_is_committed():
    rows, _ = history(3, events=60)
    rows = [row for row in rows if None not in row["key"]]
    store = filled([], END)
    (part,) = ready(store, 1)
    take(store, part, rows, 0, 20, as_of_us=END)
    tail = landed(rows[20:], [place_of(i) for i in range(20, len(rows))]).select([*part.columns(), KNOWN_AT, OFFSET])
    change = part.change(tail, store.read, as_of_us=END, known_us=END, end=place_of(len(rows)))
    change.remember()
    before = dict(store.values)
    overlay = Overlay(store)
    reader = OnlineReader.of(MODEL.feature_set, overlay)
    asks = [(row["key"], END) for row in rows]
    with overlay.batch(change.updates() | change.offsets(), {part.layout.namespace: part.recent}):
        looked = reader.read([request(*ask) for ask in asks], [END] * len(asks))
        assert looked.heads.groups[1].offset == place_of(len(rows))
    assert bits(pa.table(looked.columns()).select(NAMES)) == bits(batch(rows, asks))
    assert store.values == before
    other = reader.read([request(*ask) for ask in asks], [END] * len(asks))
    assert other.heads.groups[1].offset == place_of(20)  # outside of the batch, what is committed


def test_what_is_kept_is_bounded_and_what_lies_before_is_marked():
    key = ("x", 1)
    rows = [{"key": key, "x": 1.0, "text": "p", "time": START + i, "known": START + i} for i in range(300)]
    store = filled([], START)
    (part,) = ready(store, 1, recent_bytes=20_000)
    for i in range(300):
        take(store, part, rows, i, i + 1, as_of_us=END)
    asks = [(key, START + at) for at in (5, 299, 300)]
    table, early = looked_back(store, [part], asks)
    assert early == [0]
    assert bits(table.slice(1)) == bits(batch(rows, asks[1:]))
    assert part.recent.kept_bytes <= 20_000
