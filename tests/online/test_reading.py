"""What the online store reads is what batch computes for the same events, to the bit."""

import random

import pyarrow as pa
import pytest

from gapless.adapters.lmdb import LmdbStore
from gapless.clock import DAY
from gapless.errors import NotFound, Transient
from gapless.features import TableSources, compute, one_batch
from gapless.online import OnlineReader, groups_of_views, materialize
from gapless.ports.online import Update
from gapless.testing import Crash, CrashAtCall
from tests.features.world import MODEL, START, event_table, request_table
from tests.online.stores import GROUPS, LAYOUT, MemoryStore, TableHistory, history, request

END = START + 6 * DAY
NAMES = [name for name in MODEL.outputs if name.startswith("stats__")]


def batch(rows, asks, known_by):
    sources = TableSources({"events": event_table(rows)})
    return one_batch(compute(MODEL, request_table(asks), sources, known_by_us=known_by)).select(NAMES)


def filled(rows, as_of, **more):
    store = MemoryStore()
    materialize(GROUPS, TableHistory(rows), store, as_of_us=as_of, **more)
    return store


def bits(table):
    """Columns as comparable values: floats by their bits."""
    return {name: [plain(value) for value in numbers(table.column(name)).to_pylist()] for name in table.schema.names}


def numbers(column):
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


def plain(value):
    return value.hex() if isinstance(value, float) else value


@pytest.mark.parametrize("seed", range(40))
def test_equals_batch_at_every_instant_from_the_last_event_on(seed):
    rows, asks = history(seed, events=80)
    as_of = START + random.Random(seed).randrange(3 * DAY)
    reader = OnlineReader.of(
        MODEL.feature_set, filled(rows, as_of, chunk_events=random.Random(seed).choice([1, 7, 500]))
    )
    asks = [(key, at if i % 2 else max(at, as_of)) for i, (key, at) in enumerate(asks)]
    looked = reader.read([request(*ask) for ask in asks], [at for _, at in asks])
    early = {row for row, _ in looked.early}
    exact = [i for i in range(len(asks)) if i not in early]
    assert {i for i, (_, at) in enumerate(asks) if at >= as_of} <= set(exact)
    expected = bits(batch(rows, asks, as_of).take(exact))
    columns = pa.table(looked.columns()).select(NAMES)
    assert bits(columns.take(exact)) == expected
    by_row = [looked.row(i) for i in exact]
    assert {name: [plain(row[name]) for row in by_row] for name in NAMES} == expected


def test_the_embedded_store_says_the_same(tmp_path):
    rows, asks = history(3, events=300, requests=200)
    store = LmdbStore(tmp_path)
    materialize(GROUPS, TableHistory(rows), store, as_of_us=END, chunk_events=90)
    asks = [(key, max(at, END)) for key, at in asks]
    looked = OnlineReader.of(MODEL.feature_set, store).read([request(*ask) for ask in asks], [at for _, at in asks])
    assert bits(pa.table(looked.columns()).select(NAMES)) == bits(batch(rows, asks, END))
    store.close()


@pytest.mark.parametrize("seed", range(10))
def test_one_row_and_many_say_the_same(seed):
    rows, asks = history(seed)
    reader = OnlineReader.of(MODEL.feature_set, filled(rows, START + DAY))
    requests = [request(*ask) for ask in asks]
    many = reader.read(requests, [at for _, at in asks])
    alone = [reader.read([one], [at]) for one, (_, at) in zip(requests, asks, strict=True)]
    assert [one.row(0) for one in alone] == [many.row(i) for i in range(len(asks))]
    assert [(i, group) for i, one in enumerate(alone) for _, group in one.early] == list(many.early)


def test_nobodys_key_and_one_never_seen_read_like_empty_windows():
    reader = OnlineReader.of(MODEL.feature_set, filled(history(1)[0], END))
    looked = reader.read([request((None, 1), END), request(("never", 3), END)], [END, END])
    empty = {name: 0.0 if name in ("stats__n_1h", "stats__kinds_1d") else None for name in NAMES}
    assert looked.row(0) == looked.row(1) == empty
    assert not looked.damaged
    assert not looked.early


def test_what_is_not_materialized_says_so():
    looked = OnlineReader.of(MODEL.feature_set, MemoryStore()).read([request(("x", 1), END)], [END])
    assert looked.as_of_us == {"stats": None}
    assert looked.row(0)["stats__n_1h"] == 0.0
    (group,) = looked.heads.groups
    assert (group.position, group.as_of_us, group.damaged) == (0, None, False)


def test_the_state_that_was_seen_has_a_name():
    rows, _ = history(1)
    store = filled(rows, END, chunk_events=20)
    (group,) = OnlineReader.of(MODEL.feature_set, store).heads().groups
    assert group.namespace == LAYOUT.namespace.hex()
    assert (group.offset, group.as_of_us, group.views) == (len(rows), END, ("stats",))
    assert group.position == store.values[LAYOUT.offset_key].position


def test_a_request_before_an_event_that_is_in_is_marked():
    rows = [{"key": ("x", 1), "x": 1.0, "text": "p", "time": START, "known": START}]
    reader = OnlineReader.of(MODEL.feature_set, filled(rows, END))
    looked = reader.read([request(("x", 1), START), request(("x", 1), START + 1)], [START, START + 1])
    assert looked.early == [(0, 0)]
    assert looked.asked_in_past.tolist() == [[True], [False]]
    assert looked.row(1)["stats__n_1h"] == 1.0


RECORDS = {
    "head": lambda data: b"\x07" + data[1:],
    "newest": lambda data: data[:3] + bytes([data[3] ^ 1]) + data[4:],
    "tiles": lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:],
    "cut": lambda data: data[:-1],
    "short": lambda data: data[:4],
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("damage", RECORDS)
def test_a_damaged_record_is_null_and_named_and_the_others_go_on(damage):
    rows = [{"key": (a, 1), "x": 1.0, "text": "p", "time": START, "known": START} for a in ("x", "y")]
    store = filled(rows, END)
    key = LAYOUT.key_of({"a": "x", "b": 1})
    store.values[key] = Update(store.values[key].position, RECORDS[damage](store.values[key].value))
    at = START + 10
    looked = OnlineReader.of(MODEL.feature_set, store).read([request(("x", 1), at), request(("y", 1), at)], [at, at])
    assert looked.damaged == [(0, 0)]
    assert looked.is_damaged.tolist() == [[True], [False]]
    assert set(looked.row(0).values()) == {None}
    assert looked.row(1)["stats__text"] == "p"
    assert {name: column[0].as_py() for name, column in looked.columns().items()} == looked.row(0)


def test_a_damaged_offset_record_is_not_materialized_and_says_why():
    store = filled(history(1)[0], END)
    store.values[LAYOUT.offset_key] = Update(99, b"noise")
    (group,) = OnlineReader.of(MODEL.feature_set, store).heads().groups
    assert (group.as_of_us, group.damaged) == (None, True)


def test_a_store_that_is_away_is_the_callers_to_judge():
    class Away(MemoryStore):
        def read(self, keys):
            raise Transient("no answer in 0.1 s")

    with pytest.raises(Transient):
        OnlineReader.of(MODEL.feature_set, Away()).read([request(("x", 1), END)], [END])


def test_views_are_read_by_name_from_the_state_that_a_model_has():
    rows, asks = history(1)
    store = filled(rows, END)
    groups, types = groups_of_views(["stats"], [MODEL.feature_set])
    alone, whole = OnlineReader(groups, types, store), OnlineReader.of(MODEL.feature_set, store)
    keys = [{"a": key[0], "b": key[1]} for key, _ in asks]
    at = [END] * len(asks)
    assert [alone.read(keys, at).row(i) for i in range(5)] == [whole.read(keys, at).row(i) for i in range(5)]
    with pytest.raises(NotFound, match="stats"):
        groups_of_views(["stat"], [MODEL.feature_set])


def test_no_rows_are_no_features():
    looked = OnlineReader.of(MODEL.feature_set, filled(history(1)[0], END)).read([], [])
    assert len(looked) == 0
    assert {name: len(column) for name, column in looked.columns().items()} == dict.fromkeys(NAMES, 0)


def test_features_without_views_need_no_store():
    class Untouched(MemoryStore):
        def read(self, keys):
            raise AssertionError("nothing is to be read")

    from gapless.product import FeatureSet

    reader = OnlineReader.of(FeatureSet(MODEL.requests, (), ()), Untouched())
    looked = reader.read([{}, {}], [END, END])
    assert (looked.row(1), looked.columns(), looked.as_of_us) == ({}, {}, {})
    assert reader.heads().groups == ()


def test_a_rebuild_that_begins_between_offsets_and_records_is_not_read_half():
    """A store that is atomic by key gives offsets first; here a stalled reader gets its records much later."""
    rows, asks = history(3, events=100)
    requests, at = [request(*ask) for ask in asks], [END] * len(asks)
    store = filled(rows, END, chunk_events=10)
    expected = OnlineReader.of(MODEL.feature_set, store).read(requests, at)

    class Stalled(MemoryStore):
        """Reads as a cluster does; somebody rebuilds once in the midst of it and is stopped on the way."""

        rebuilt = False

        def read(self, keys):
            offsets = [key for key in keys if key == LAYOUT.offset_key]
            first = dict(zip(offsets, super().read(offsets), strict=True))
            if not self.rebuilt:
                self.rebuilt = True
                other = MemoryStore(fault=CrashAtCall(25))
                other.values = self.values
                with pytest.raises(Crash):
                    materialize(GROUPS, TableHistory(rows), other, as_of_us=END, chunk_events=10, rebuild=True)
            return [first[key] if key in first else super(Stalled, self).read([key])[0] for key in keys]

    stalled = Stalled()
    stalled.values = store.values
    looked = OnlineReader.of(MODEL.feature_set, stalled).read(requests, at)
    assert looked.as_of_us == {"stats": None}  # and not END with some of the events
    materialize(GROUPS, TableHistory(rows), store, as_of_us=END)
    again = OnlineReader.of(MODEL.feature_set, store).read(requests, at)
    assert [again.row(i) for i in range(len(asks))] == [expected.row(i) for i in range(len(asks))]
