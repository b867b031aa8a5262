"""Answers by tasks are those of the local path, each once, whatever was there before and whatever fails."""

import random

import pyarrow as pa
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.distributing import Responding, Sizes, Tables, predict
from gapless.faults import no_fault
from gapless.features import StoreSources
from gapless.ingest import ingest
from gapless.serving import Answering
from gapless.serving import predict as predict_locally
from gapless.testing.engines import MemoryEngine
from gapless.testing.faults import Crash, CrashAtCall
from tests.features.world import EVENTS, MODEL, event_table, history, request_table
from tests.serving.run_batch import AS_OF, JUDGE, VERSION, SumScorer

RUN = "r" * 64


class World:
    """A store of events, and answers of both paths to the same requests in stores of their own."""

    def __init__(self, folder, seed=5):
        rows, asks = history(seed, events=300, requests=90)
        self.folder, self.requests = folder, request_table(asks)
        events = DeltaStore(folder / "events")
        ingest(events, EVENTS, event_table(rows))
        self.sources = StoreSources(events, {"events": EVENTS})
        self.tables = Tables(events, self.sources.versions, self.sources.rows)

    def store(self, name, fault=no_fault):
        return DeltaStore(self.folder / name, fault=fault)

    def locally(self, name, *, chunk_rows=13, requests=None):
        answering = Answering(MODEL.feature_set, VERSION, SumScorer(), JUDGE, {"stats": AS_OF}, None)
        asked = self.requests if requests is None else requests
        return predict_locally(answering, asked, self.sources, self.store(name), "p", run=RUN, chunk_rows=chunk_rows)

    def spread(self, name, *, chunk_rows=13, requests=None, seed=0, slice_rows=5, fault=no_fault):
        responding = Responding(MODEL.feature_set, VERSION, SumScorer, False, JUDGE, {"stats": AS_OF}, None)
        return predict(
            MemoryEngine(seed=seed, again=0.3, broken=0.3),
            responding,
            self.requests if requests is None else requests,
            self.tables,
            self.store(name, fault),
            "p",
            run=RUN,
            chunk_rows=chunk_rows,
            sizes=Sizes(2, bucket_rows=50, split_rows=60, slice_rows=slice_rows),
        )

    def rows(self, name):
        return self.store(name).read("p").read_all().combine_chunks()

    def check(self, name, expected="local"):
        assert self.rows(name).equals(self.rows(expected))
        files = list((self.folder / name / "p").glob("*.parquet"))
        assert len(files) == self.store(name).stats("p").files, "files that belong to no version are left"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slice_rows", [1, 5, 1000])
def test_the_table_is_that_of_the_local_path(tmp_path, seed, slice_rows):
    world = World(tmp_path, seed)
    local = world.locally("local")
    spread = world.spread("spread", seed=seed, slice_rows=slice_rows)
    world.check("spread")
    assert spread == local
    assert world.store("spread").version("p") == 0, "one commit"


def test_a_finished_run_adds_nothing_on_either_side(tmp_path):
    world = World(tmp_path)
    world.locally("local")
    world.spread("spread")
    for again in (world.spread, world.locally):
        report = again("spread")
        assert (report.rows, report.rows_repeated, sum(report.trust.values())) == (90, 90, 0)
        report = again("local")
        assert (report.rows, report.rows_repeated) == (90, 90)
    world.check("spread")


@pytest.mark.parametrize("done", [13, 39, 78])
def test_a_run_goes_on_where_another_engine_was_stopped(tmp_path, done):
    world = World(tmp_path)
    world.locally("local")
    world.locally("mixed", requests=world.requests.slice(0, done))
    report = world.spread("mixed")
    assert (report.rows, report.rows_repeated) == (90, done)
    world.check("mixed")
    world.spread("other", requests=world.requests.slice(0, done))
    assert world.locally("other").rows_repeated == done
    assert world.rows("other").sort_by("request_id").equals(world.rows("local").sort_by("request_id"))


def test_crashes_on_the_way_change_nothing(tmp_path):
    world = World(tmp_path)
    world.locally("local")
    crashes = call = 0
    while True:
        call += 1
        try:
            world.spread("crashed", seed=call, fault=CrashAtCall(call))
            break
        except Crash:
            crashes += 1
    assert crashes >= 3
    world.check("crashed")


class _NoScorer:
    """Opening it fails, as where a library is missing."""

    def __call__(self):
        raise OSError("no such library")


def test_a_scorer_that_does_not_open_writes_nothing(tmp_path):
    world = World(tmp_path)
    responding = Responding(
        MODEL.feature_set, VERSION.__class__("m", "3", "d", "other"), _NoScorer(), False, JUDGE, {}, None
    )
    with pytest.raises(OSError, match="no such library"):
        predict(
            MemoryEngine(), responding, world.requests, world.tables, world.store("none"), "p", run=RUN, chunk_rows=20
        )
    assert world.store("none").version("p") is None


def test_requests_without_any_rows_make_no_table(tmp_path):
    world = World(tmp_path)
    report = world.spread("none", requests=world.requests.slice(0, 0))
    assert (report.rows, report.chunks) == (0, 0)
    assert world.store("none").version("p") is None


def test_the_order_of_requests_is_kept_over_many_slices(tmp_path):
    world = World(tmp_path)
    order = list(range(90))
    random.Random(3).shuffle(order)
    world.spread("shuffled", requests=world.requests.take(pa.array(order)), slice_rows=4, chunk_rows=17)
    assert world.rows("shuffled").column("request_id").to_pylist() == [f"r{i}" for i in order]
