"""State built by tasks is that of the local path, byte for byte, also where one goes on with what the other began."""

import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.files import Sizes as FileSizes
from gapless.distributing import EngineArrivals, Sizes
from gapless.ingest import ingest
from gapless.online import StoreHistory, materialize
from gapless.testing import Crash, CrashAtCall
from gapless.testing.engines import MemoryEngine
from tests.features.world import EVENTS, START, event_table, history
from tests.online.stores import GROUPS, MemoryStore, content

DAY = 86_400_000_000
END = START + 9 * DAY


class World:
    def __init__(self, folder, seed):
        rows, _ = history(seed, events=160)
        self.table = event_table(rows)
        self.offline = DeltaStore(folder / "store", sizes=FileSizes(rows_per_file=50, rows_per_group=11))

    def ingest(self, start, count):
        ingest(self.offline, EVENTS, self.table.slice(start, count))

    def fill(self, store, as_of, *, spread, chunk_events=23, seed=0):
        past = StoreHistory(self.offline, {"events": EVENTS})
        engine = MemoryEngine(slots=3, seed=seed, again=0.3, broken=0.3)
        arrivals = EngineArrivals(engine, past, self.offline, Sizes(3, split_rows=15)) if spread else None
        (report,) = materialize(GROUPS, past, store, as_of_us=as_of, chunk_events=chunk_events, arrivals=arrivals)
        return report


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chunk_events", [3, 23, 1000])
def test_records_are_those_of_the_local_path(tmp_path, seed, chunk_events):
    world = World(tmp_path, seed)
    here, spread = MemoryStore(), MemoryStore()
    for start, count, as_of in ((0, 70, START + DAY), (70, 50, START + 2 * DAY), (120, 40, END)):
        world.ingest(start, count)
        one = world.fill(here, as_of, spread=False, chunk_events=chunk_events)
        other = world.fill(spread, as_of, spread=True, chunk_events=chunk_events, seed=seed)
        assert one == other
    assert spread.values == here.values
    assert content(spread, END)


@pytest.mark.parametrize("seed", range(3))
def test_either_path_goes_on_with_what_the_other_began(tmp_path, seed):
    """After a crash at any key of any commit."""
    world = World(tmp_path, seed)
    world.ingest(0, 160)
    undisturbed = MemoryStore()
    world.fill(undisturbed, END, spread=False)
    crashes = 0
    while True:
        store = MemoryStore(fault=CrashAtCall(1 + crashes * 7))
        try:
            world.fill(store, END, spread=bool(crashes % 2))
            break
        except Crash:
            crashes += 1
        store.fault = lambda *point: None
        world.fill(store, END, spread=not crashes % 2)
        assert content(store, END) == content(undisturbed, END)
    assert crashes >= 5
