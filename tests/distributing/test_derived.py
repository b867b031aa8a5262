"""What pandas functions make is computed in the tasks that read events, and is what the local path makes."""

import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.files import Sizes as FileSizes
from gapless.adapters.spark import SparkEngine
from gapless.distributing import EngineArrivals, Sizes, Tables, compute
from gapless.features import StoreSources, one_batch, plan_groups
from gapless.features import compute as compute_locally
from gapless.ingest import ingest
from gapless.online import StoreHistory, materialize
from gapless.testing.engines import MemoryEngine
from tests.features import derived_world
from tests.features.derived_world import MODEL, enriched, features
from tests.features.world import EVENTS, START, event_table, history, request_table
from tests.online.stores import MemoryStore

DAY = 86_400_000_000
SIZES = Sizes(2, bucket_rows=40, split_rows=25, slice_rows=9)


class World:
    def __init__(self, folder, seed):
        self.rows, self.asks = history(seed, events=120, requests=40)
        self.store = DeltaStore(folder / "store", sizes=FileSizes(rows_per_file=50, rows_per_group=20))
        ingest(self.store, EVENTS, event_table(self.rows))
        self.sources = StoreSources(self.store, {"events": EVENTS})

    def locally(self):
        return one_batch(compute_locally(MODEL, request_table(self.asks), self.sources))

    def by(self, engine):
        tables = Tables(self.store, self.sources.versions, self.sources.rows)
        asked = request_table(self.asks)
        return one_batch(compute(engine, MODEL.feature_set, asked, tables, sizes=SIZES))


@pytest.mark.parametrize("seed", range(4))
def test_features_of_derived_sources(tmp_path, seed):
    world = World(tmp_path, seed)
    found = world.by(MemoryEngine(seed=seed, again=0.3, broken=0.3))
    assert found.equals(world.locally())
    slow = [features(enriched(world.rows), *ask) for ask in world.asks]
    assert found.column("made__size_1d").to_pylist() == [each["made__size_1d"] for each in slow]
    assert any(each["made__size_1d"] is not None for each in slow)


def test_functions_of_a_module_that_executors_do_not_have_travel_with_the_work(tmp_path, spark):
    world = World(tmp_path, 1)
    assert world.by(SparkEngine(spark, authors=[derived_world])).equals(world.locally())


@pytest.mark.parametrize("seed", range(3))
def test_state_of_derived_sources(tmp_path, seed):
    world = World(tmp_path, seed)
    groups, end = plan_groups(MODEL.views), START + 9 * DAY
    here, spread = MemoryStore(), MemoryStore()
    past = StoreHistory(world.store, {"events": EVENTS})
    materialize(groups, past, here, as_of_us=end, chunk_events=31)
    arrivals = EngineArrivals(MemoryEngine(seed=seed), past, world.store, SIZES)
    materialize(groups, past, spread, as_of_us=end, chunk_events=31, arrivals=arrivals)
    assert spread.values == here.values
    assert len({key[:16] for key in here.values}) >= 3, "each source has state of its own"
