"""Features and labels by stages equal those of the local path, bit for bit, however work is cut and whatever fails."""

import random

import pyarrow as pa
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.files import Sizes as FileSizes
from gapless.distributing import LabelLookup, Sizes, Tables, compute
from gapless.errors import InputError
from gapless.features import StoreSources, one_batch
from gapless.features import compute as compute_locally
from gapless.ingest import ingest
from gapless.testing.engines import MemoryEngine
from gapless.training.training_set import training_set
from tests.features.test_stored import _spread
from tests.features.world import EVENTS, MODEL, REQUESTS, START, TRUTH, event_table, history, request_table

DAY = 86_400_000_000


def tables_of(store, sources):
    return Tables(store, sources.versions, sources.rows)


def bits(table):
    """What is in it, so that equal means equal bits: floats by their 64 bits."""
    columns = {}
    for name in table.schema.names:
        column = table.column(name).combine_chunks()
        wide = column.view(pa.int64()) if pa.types.is_float64(column.type) else column
        columns[name] = wide.to_pylist()
    return columns


def world(tmp_path, seed):
    """(store, sources, requests) with events in files and landed, and labels for some requests."""
    events, asks = history(seed, events=120, requests=70)
    draw = random.Random(seed)
    store = DeltaStore(tmp_path / "store", sizes=FileSizes(rows_per_file=40, rows_per_group=16))
    requests = request_table(asks)
    _spread(store, seed, event_table(events))
    ingest(store, REQUESTS, requests)
    truth = [
        {"id": f"r{i}", "y": draw.choice([0.0, 1.0, None]), "t": at + draw.randrange(4 * DAY)}
        for i, (_, at) in enumerate(asks)
        if draw.random() < 0.7
    ]
    ingest(
        store, TRUTH, pa.table({name: [row[name] for row in truth] for name in ("id", "y", "t")}).cast(_truth_schema())
    )
    return store, StoreSources(store, {s.name: s for s in (EVENTS, REQUESTS, TRUTH)}), requests


def _truth_schema():
    from gapless.arrow import schema_to_arrow

    return schema_to_arrow(TRUTH.columns)


def sizes_of(draw):
    return Sizes(
        slots=draw.randint(1, 5),
        bucket_rows=draw.choice([10, 50, 10_000]),
        split_rows=draw.choice([1, 20, 1000]),
        slice_rows=draw.choice([1, 7, 30, 1000]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_features_are_those_of_the_local_path(tmp_path, seed):
    store, sources, requests = world(tmp_path, seed)
    draw = random.Random(seed)
    known_by = draw.choice([None, START + DAY])
    expected = one_batch(compute_locally(MODEL, requests, sources, known_by_us=known_by))
    engine = MemoryEngine(seed=seed, again=0.3, broken=0.3)
    found = pa.Table.from_batches(
        compute(
            engine, MODEL.feature_set, requests, tables_of(store, sources), known_by_us=known_by, sizes=sizes_of(draw)
        )
    )
    assert found.schema == expected.schema
    assert bits(found) == bits(expected)
    assert any(value is not None for value in found.column("stats__total_1d").to_pylist()), "something was computed"


@pytest.mark.parametrize("seed", range(6))
def test_labels_are_those_of_the_local_path(tmp_path, seed):
    store, sources, _ = world(tmp_path, seed)
    draw = random.Random(seed)
    known_by = START + draw.choice([2, 5, 9]) * DAY
    expected = training_set(MODEL, sources, versions=sources.versions, known_by_us=known_by).table
    requests = sources.read(REQUESTS, list(REQUESTS.columns), start_us=None, end_us=None).read_all()
    requests = requests.filter(pa.compute.less_equal(requests.column("_known_at").cast(pa.int64()), known_by))
    found = pa.Table.from_batches(
        compute(
            MemoryEngine(seed=seed, again=0.2, broken=0.2),
            MODEL.feature_set,
            requests,
            tables_of(store, sources),
            label=LabelLookup.of(MODEL, known_by),
            known_by_us=known_by,
            sizes=sizes_of(draw),
        )
    )
    assert found.column_names == expected.column_names
    assert bits(found) == bits(expected)
    assert set(found.column("label_maturity").to_pylist()) >= {"labelled"}


def test_no_requests_give_no_rows(tmp_path):
    store, sources, requests = world(tmp_path, 1)
    empty = requests.slice(0, 0)
    assert list(compute(MemoryEngine(), MODEL.feature_set, empty, tables_of(store, sources))) == []


def test_a_missing_column_of_requests_is_an_error_at_once(tmp_path):
    store, sources, requests = world(tmp_path, 1)
    with pytest.raises(InputError, match="lack the column 'b'"):
        compute(MemoryEngine(), MODEL.feature_set, requests.drop_columns(["b"]), tables_of(store, sources))


def test_progress_names_each_stage(tmp_path):
    store, sources, requests = world(tmp_path, 2)
    told = []
    list(
        compute(
            MemoryEngine(),
            MODEL.feature_set,
            requests,
            tables_of(store, sources),
            progress=lambda name, done, of: told.append(name),
        )
    )
    assert list(dict.fromkeys(told)) == ["read requests", "read events", "aggregate", "put together"]
