"""State in parts reads as if one table had held all events, whatever came as a file or by which partition."""

import random

import pytest

from gapless.clock import DAY, HOUR
from gapless.online import OnlineReader
from gapless.online.topology import TOPOLOGY_KEY, announce, topology_from
from gapless.ports.online import Update
from gapless.ports.places import place_of
from tests.features.world import MODEL, START
from tests.online.stores import MemoryStore, request
from tests.online.test_reading import bits
from tests.streaming.worlds import LAYOUT, batch, cuts, filled, history, landed, read, ready, split, take

END = START + 6 * DAY


def streamed(seed, rows, partitions, *, as_of_us=END):
    """A store that took all rows, and the rows in the order that breaks ties."""
    files, logs = split(seed, rows, partitions)
    store = filled(files, as_of_us)
    parts = ready(store, partitions)
    turns = [(p, cut) for p, log in enumerate(logs) for cut in cuts(seed + p, log)]
    order = sorted(range(len(turns)), key=lambda i: (turns[i][1][1], turns[i][0]))  # partitions take turns
    for p, (first, end) in (turns[i] for i in order):
        take(store, parts[p], logs[p], first, end, as_of_us=as_of_us)
    return store, [*files, *(row for log in logs for row in log)]


@pytest.mark.parametrize("seed", range(60))
def test_equals_batch_over_files_and_partitions(seed):
    rows, asks = history(seed, events=80)
    store, ordered = streamed(seed, rows, 1 + seed % 3)
    asks = [(key, max(at, END)) for key, at in asks]
    table, looked = read(store, asks)
    assert not looked.early
    assert bits(table) == bits(batch(ordered, asks))


@pytest.mark.parametrize("seed", range(20))
def test_at_any_instant_what_is_not_marked_is_exact(seed):
    rows, asks = history(seed, events=80)
    as_of = START + random.Random(seed).randrange(3 * DAY)
    known = [row for row in rows if row["known"] <= as_of]
    store, ordered = streamed(seed, known, 2, as_of_us=as_of)
    table, looked = read(store, asks)
    early = {row for row, _ in looked.early}
    exact = [i for i in range(len(asks)) if i not in early]
    assert exact
    assert bits(table.take(exact)) == bits(batch(ordered, asks).take(exact))


def test_a_batch_done_twice_and_cut_elsewhere_is_in_once():
    rows, asks = history(7, events=60)
    store = filled([], END)
    (part,) = ready(store, 1)
    take(store, part, rows, 0, 40, as_of_us=END)
    before = dict(store.values)
    again = take(store, part, rows, 0, 40, as_of_us=END)
    assert again.updates() == {}
    keys = {key for key in before if key[:8] == part.layout.namespace and key != part.layout.offset_key}
    assert {key: store.values[key] for key in keys} == {key: before[key] for key in keys}
    take(store, part, rows, 25, 60, as_of_us=END)
    asks = [(key, max(at, END)) for key, at in asks]
    assert bits(read(store, asks)[0]) == bits(batch(rows, asks))


def test_two_that_apply_the_same_partition_cannot_count_twice():
    """The second one read its records before the first one wrote: its updates are not taken."""
    rows, _ = history(8, events=40)
    store = filled([], END)
    (part,) = ready(store, 1)
    (zombie,) = ready(store, 1)
    take(store, part, rows, 0, 20, as_of_us=END)
    zombie.offset = part.offset
    late = landed(rows[20:30], [place_of(i) for i in range(20, 30)]).select([*zombie.columns(), "_known_at", "_offset"])
    stale = zombie.change(late, store.read, as_of_us=END, known_us=END, end=place_of(30))
    take(store, part, rows, 20, 40, as_of_us=END)
    after = dict(store.values)
    done = store.commit(stale.updates(), stale.offsets())
    assert done.written == 0
    assert store.values == after


def test_a_part_that_nobody_wrote_is_missing():
    rows, asks = history(3, events=50)
    store = filled(rows, END)
    announce(store, "events", 3)
    asks = [(key, max(at, END)) for key, at in asks]
    table, looked = read(store, asks)
    assert bits(table) == bits(batch(rows, asks))
    assert looked.as_of_us == {"stats": None}  # something may have streamed that is not in
    assert [part.is_there for part in looked.heads.groups] == [True, False, False, False]


def test_a_reader_finds_partitions_that_came_later():
    rows, asks = history(4, events=50)
    asks = [(key, max(at, END)) for key, at in asks]
    store = filled(rows[:20], END)
    reader = OnlineReader.of(MODEL.feature_set, store)
    assert len(reader.heads().groups) == 1
    parts = ready(store, 2)
    take(store, parts[1], rows[20:], 0, 30, as_of_us=END)
    looked = reader.read([request(*ask) for ask in asks], [at for _, at in asks])
    assert [part.partition for part in looked.heads.groups] == [None, 0, 1]
    columns = looked.columns()
    assert {name: columns[name].to_pylist() for name in ("stats__n_1h", "stats__total_1d")} == {
        name: batch(rows, asks).column(name).to_pylist() for name in ("stats__n_1h", "stats__total_1d")
    }


def test_fresh_is_what_the_slowest_partition_is():
    store = filled([], END)
    for part, as_of in zip(ready(store, 2), (END + HOUR, END + 2 * HOUR), strict=True):
        change = part.fresh(as_of)
        store.commit({}, change.offsets())
        change.done()
    assert OnlineReader.of(MODEL.feature_set, store).heads().as_of_us == {"stats": END + HOUR}


def test_a_damaged_part_takes_its_group_along_and_says_so():
    rows, _ = history(5, events=60)
    store, _ = streamed(5, rows, 1)
    part = LAYOUT.of_partition(0)
    key = next(key for key in store.values if key[:9] == part.namespace + b"\x01")
    record = store.values[key].value
    store.values[key] = Update(store.values[key].position, record[:-6] + bytes([record[-6] ^ 1]) + record[-5:])
    whose = key[9:]
    asks = [(row["key"], END) for row in rows if None not in row["key"]]
    _, looked = read(store, asks)
    hurt = {row for row, _ in looked.damaged}
    for i, ask in enumerate(asks):
        mine = LAYOUT.key_of(request(*ask))[9:] == whose
        assert (i in hurt) == mine
        if mine:
            assert set(looked.row(i).values()) == {None}


def test_records_ahead_of_their_offset_are_named():
    """A store that is atomic for a key alone, stopped between the records and the offset record."""
    rows, _ = history(6, events=30)
    store = filled([], END)
    (part,) = ready(store, 1)
    take(store, part, rows, 0, 10, as_of_us=END)
    behind = store.values[part.key]
    take(store, part, rows, 10, 30, as_of_us=END)
    store.values[part.key] = behind
    asks = [(row["key"], END) for row in rows if None not in row["key"]]
    _, looked = read(store, asks)
    assert set(looked.ahead.values()) == {place_of(30)}
    touched = {LAYOUT.key_of(request(row["key"], 0)) for row in rows[10:] if None not in row["key"]}
    assert {i for i, _ in looked.ahead} == {i for i, ask in enumerate(asks) if LAYOUT.key_of(request(*ask)) in touched}


def test_topology_only_grows():
    store = MemoryStore()
    assert topology_from(None) == {}
    announce(store, "a", 2)
    announce(store, "b", 1)
    announce(store, "a", 1)
    assert topology_from(store.read([TOPOLOGY_KEY])[0]) == {"a": 2, "b": 1}
