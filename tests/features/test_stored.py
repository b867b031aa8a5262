"""Files and landed events of a source are one history: the same features as of one table with the same rows."""

import random

import pyarrow as pa
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.errors import NotFound, UnknownName
from gapless.events.intake import Intake
from gapless.events.payload import pack_rows
from gapless.features import StoreSources, TableSources, compute, newest_versions, one_batch, read_table
from gapless.ingest import ingest
from gapless.online.history import StoreHistory
from gapless.ports.events import LogRecord
from gapless.product import EventSource
from gapless.training.training_set import training_set
from tests.features.world import EVENTS, MODEL, REQUESTS, START, TRUTH, event_table, history, request_table

_NAMED = {"events": EVENTS}


def _land(store, source, partition, table, first=0):
    """The rows as records of the log, as a lander would append them."""
    columns = [_plain(column) for column in table.columns]
    rows = [dict(zip(table.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]
    known = [row[source.known_at or source.event_time] + (0 if source.known_at else source.delay_us) for row in rows]
    values = [pack_rows(source, [row], [us])[0] for row, us in zip(rows, known, strict=True)]
    found = [LogRecord(partition, first + i, 0, value, b"", headers) for i, (value, headers) in enumerate(values)]
    taken = Intake(source, partition).take(found)
    assert taken.rows.num_rows == len(rows)
    reader = pa.RecordBatchReader.from_batches(taken.rows.schema, [taken.rows])
    store.append(f"events/{source.name}/{partition}", reader, batch_id=str(first))


def _plain(column):
    return (column.cast(pa.int64()) if column.type == TIMESTAMP else column).to_pylist()


def _spread(store, seed, table, source=EVENTS):
    """Dealt over files and partitions 0, 2 and 10; gives the rows in the order that breaks ties."""
    draw = random.Random(seed)
    places = [draw.choice([-1, -1, 0, 2, 10]) for _ in range(table.num_rows)]
    parts = {
        at: table.take(pa.array([i for i, place in enumerate(places) if place == at])) for at in sorted(set(places))
    }
    for at in draw.sample(sorted(parts), len(parts)):
        part = parts[at]
        if at < 0:
            ingest(store, source, part)
        else:
            half = part.num_rows // 2
            for start, piece in ((0, part.slice(0, half)), (half, part.slice(half))):
                if piece.num_rows:
                    _land(store, source, at, piece, start)
    return pa.concat_tables(parts.values())


def _features(sources, asks):
    return one_batch(compute(MODEL, request_table(asks), sources))


@pytest.mark.parametrize("seed", range(12))
def test_files_and_landed_events_are_one_table(seed, tmp_path):
    """Times tie a lot here, so the order of the parts decides what is last."""
    rows, asks = history(seed, events=120)
    for row in rows:
        row["time"] -= row["time"] % 3_600_000_000
        row["known"] = max(row["known"] - row["known"] % 3_600_000_000, row["time"])
    store = DeltaStore(tmp_path)
    table = _spread(store, seed, event_table(rows))
    sources = StoreSources(store, _NAMED)
    names = ["events", "events/0", "events/2", "events/10"]
    assert sources.versions == {
        name: store.version(_table(name)) for name in names if store.version(_table(name)) is not None
    }
    assert sources.rows(EVENTS) == 120
    assert _features(sources, asks).equals(_features(TableSources({"events": table}), asks))
    columns = ["x", "a", "at"]
    read = sources.read(EVENTS, columns, start_us=None, end_us=None).read_all().combine_chunks()
    assert read.drop_columns([KNOWN_AT]).equals(table.select(columns).combine_chunks())
    start, end = START + 10**11, START + 2 * 10**11
    part = sources.read(EVENTS, ["at"], start_us=start, end_us=end).read_all()
    assert part.num_rows == sum(start <= us < end for us in _plain(table.column("at")))


def _table(name):
    return "sources/events" if name == "events" else f"events/{name}"


def test_events_that_were_only_landed_are_a_source(tmp_path):
    rows, asks = history(1)
    store = DeltaStore(tmp_path)
    _land(store, EVENTS, 3, event_table(rows))
    sources = StoreSources(store, _NAMED)
    assert sources.versions == {"events/3": 0}
    assert _features(sources, asks).equals(_features(TableSources({"events": event_table(rows)}), asks))


def test_a_source_without_either_is_said(tmp_path):
    store = DeltaStore(tmp_path)
    _land(store, TRUTH, 0, pa.table({"id": ["a"], "y": [1.0], "t": pa.array([START], TIMESTAMP)}))
    with pytest.raises(NotFound, match="source 'events' has no events"):
        StoreSources(store, _NAMED | {"truth": TRUTH})
    with pytest.raises(NotFound, match="gapless ingest events"):
        newest_versions(store, _NAMED)


def test_named_versions_leave_out_what_came_later(tmp_path):
    rows, _ = history(2, events=90)
    table, store = event_table(rows), DeltaStore(tmp_path)
    ingest(store, EVENTS, table.slice(0, 30))
    before = dict(StoreSources(store, _NAMED).versions)
    _land(store, EVENTS, 0, table.slice(30, 30))
    between = dict(StoreSources(store, _NAMED).versions)
    _land(store, EVENTS, 0, table.slice(60, 10), 30)
    _land(store, EVENTS, 1, table.slice(70, 10))
    ingest(store, EVENTS, table.slice(80, 10))
    assert [before, between] == [{"events": 0}, {"events": 0, "events/0": 0}]
    counts = [StoreSources(store, _NAMED, versions).rows(EVENTS) for versions in (before, between, {}, {"others": 7})]
    assert counts == [30, 60, 90, 90]
    assert StoreSources(store, _NAMED, {"others": 7}).versions == {"events": 1, "events/0": 1, "events/1": 0}


@pytest.mark.parametrize("seed", range(3))
def test_a_training_set_can_be_made_again_after_events_were_landed(seed, tmp_path):
    rows, asks = history(seed, events=100)
    requests = request_table(asks)
    truth = pa.table(
        {
            "id": requests.column("id"),
            "y": [float(i % 3 - 1) for i in range(len(asks))],
            "t": pa.array([at + 10**9 for _, at in asks], TIMESTAMP),
        }
    )
    store, sources = DeltaStore(tmp_path), {"events": EVENTS, "asks": REQUESTS, "truth": TRUTH}
    once = event_table(rows)
    for name, table in (("events", once.slice(0, 50)), ("asks", requests.slice(0, 20)), ("truth", truth.slice(0, 20))):
        ingest(store, sources[name], table)

    def made(versions=None):
        reader = StoreSources(store, sources, versions)
        return training_set(MODEL, reader, versions=reader.versions, known_by_us=START + 10**13).manifest

    first = made()
    for partition, (name, table) in enumerate((("events", once), ("asks", requests), ("truth", truth))):
        count = 50 if name == "events" else 20
        _land(store, sources[name], partition, table.slice(count))
    second = made()
    assert (first.rows, second.rows) == (20, 40)
    assert made(first.sources) == first
    assert made(second.sources) == second
    whole = TableSources({"events": once, "asks": requests, "truth": truth})
    expected = training_set(MODEL, whole, versions={}, known_by_us=START + 10**13).manifest
    assert second.content_hash == expected.content_hash


def test_the_history_for_materializing_is_that_of_files(tmp_path):
    rows, _ = history(4, events=20)
    table, store = event_table(rows), DeltaStore(tmp_path)

    def read(found):
        batches = found.read(EVENTS, ["x"], offsets=(0, found.end(EVENTS)), known=(None, START + 10**13))
        return [row["x"] for batch in batches for row in batch.to_pylist()]

    with pytest.raises(NotFound, match="has no events"):
        StoreHistory(store, _NAMED)
    assert read(StoreHistory(store, _NAMED, may_be_empty=True)) == []
    _land(store, EVENTS, 0, table.slice(10))
    landed = StoreHistory(store, _NAMED)
    assert (landed.end(EVENTS), read(landed), landed.versions) == (0, [], {})
    ingest(store, EVENTS, table.slice(0, 10))
    files = StoreHistory(store, _NAMED)
    assert (files.end(EVENTS), read(files)) == (10, table.column("x").slice(0, 10).to_pylist())


def test_a_column_that_a_table_does_not_have_yet_is_null(tmp_path):
    rows, _ = history(5, events=10)
    store = DeltaStore(tmp_path)
    ingest(store, EVENTS, event_table(rows).slice(0, 5))
    _land(store, EVENTS, 0, event_table(rows).slice(5))
    wider = EventSource("events", schema=dict(EVENTS.columns) | {"more": str}, event_time="at", known_at="known")
    read = StoreSources(store, {"events": wider}).read(wider, ["more", "x"], start_us=None, end_us=None).read_all()
    assert read.column("more").to_pylist() == [None] * 10
    assert read.column("x").to_pylist() == event_table(rows).column("x").to_pylist()
    with pytest.raises(UnknownName, match="nothing"):
        read_table(store, wider, "sources/events", ["x", "nothing"], version=0)
    assert [b.schema.names for b in read_table(store, wider, "events/events/0", [OFFSET, "more"], version=0)] == [
        [OFFSET, "more"]
    ]
