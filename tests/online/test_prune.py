"""State that nobody needs is removed, all of it, and nothing else."""

from __future__ import annotations

import pytest

import gapless as gl
from gapless.adapters.lmdb import LmdbStore
from gapless.clock import DAY
from gapless.features import plan_groups
from gapless.online import Layout, OnlineReader, materialize, prune
from gapless.ports.online import Update
from gapless.testing import Crash, CrashAtCall
from tests.features.world import EVENTS, MODEL, START, pair
from tests.online.stores import GROUPS, LAYOUT, MemoryStore, TableHistory, history

END = START + 6 * DAY
ROWS, _ = history(1)


@gl.feature_view(entity=pair, source=EVENTS)
def old(e):
    return {"n": gl.count(windows=["2h"]), "seen": gl.last(e.text)}


OLD_GROUPS = plan_groups([old])
OLD = Layout.of(OLD_GROUPS[0])
OTHERS = {b"": b"", b"short": b"", OLD.namespace: b"", OLD.namespace + b"\x09key": b"", b"somebody else's": b""}


class Removable(MemoryStore):
    def remove(self, prefix):
        gone = [key for key in self.values if key.startswith(prefix)]
        for key in gone:
            self.fault("remove", key.hex())
            del self.values[key]
        return len(gone)


def filled(store):
    materialize([*GROUPS, *OLD_GROUPS], TableHistory(ROWS), store, as_of_us=END)
    return store


def test_what_is_needed_stays_and_the_rest_is_gone(tmp_path):
    store = filled(LmdbStore(tmp_path))
    kept = {key: store.read([key]) for key in store.keys(LAYOUT.namespace)}
    keys = len(list(store.keys(OLD.namespace)))
    (gone,) = prune(store, lambda: {LAYOUT.namespace})
    assert gone.to_dict() == {
        "namespace": OLD.namespace.hex(),
        "keys": keys,
        "as_of_us": END,
        "as_of": "2023-11-20T22:13:20Z",
    }
    assert {key: store.read([key]) for key in store.keys(b"")} == kept
    assert prune(store, lambda: {LAYOUT.namespace}) == ()
    store.close()


def test_what_is_not_ours_stays():
    store = Removable()
    store.values = {key: Update(1, data) for key, data in OTHERS.items()}
    assert prune(store, lambda: ()) == ()
    assert set(store.values) == set(OTHERS)


def test_what_is_needed_is_asked_before_each_removal():
    """A version that is promoted while another's state is removed keeps its own."""
    store = filled(Removable())
    first, second = sorted([LAYOUT.namespace, OLD.namespace])
    answers = iter([set(), {second}])
    assert [gone.namespace for gone in prune(store, lambda: next(answers))] == [first.hex()]
    assert list(store.keys(second))
    assert not list(store.keys(first))


@pytest.mark.parametrize("crash", range(1, 20, 2))
def test_a_crash_on_the_way_leaves_what_is_not_materialized_and_is_filled_anew(crash):
    whole = filled(Removable())
    store = filled(Removable())
    store.fault = CrashAtCall(crash)
    try:
        prune(store, lambda: {LAYOUT.namespace})
    except Crash:
        assert crash == 1 or OLD.offset_key not in store.values  # it goes first
    store.fault = lambda point, key: None
    if crash % 4 == 1:
        assert len(prune(store, lambda: {LAYOUT.namespace})) == 1 or OLD.offset_key not in store.values
    filled(store)
    reader = OnlineReader(OLD_GROUPS, {f.column: f.type for f in old.features}, store)
    again = OnlineReader(OLD_GROUPS, {f.column: f.type for f in old.features}, whole)
    asked = [{"a": row["key"][0], "b": row["key"][1]} for row in ROWS]
    one, two = (each.read(asked, [END] * len(asked)) for each in (reader, again))
    assert [one.row(i) for i in range(len(asked))] == [two.row(i) for i in range(len(asked))]
    assert one.as_of_us == {"old": END}


def test_a_model_reads_on_as_before():
    store = filled(Removable())
    reader = OnlineReader.of(MODEL.feature_set, store)
    before = reader.read([{"a": "x", "b": 1}], [END]).row(0)
    prune(store, lambda: {LAYOUT.namespace})
    assert reader.read([{"a": "x", "b": 1}], [END]).row(0) == before
