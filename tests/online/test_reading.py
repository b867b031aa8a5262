"""What the online store reads is what batch computes for the same events, to the bit."""

import random

import pyarrow as pa
import pytest

from gapless.clock import DAY
from gapless.features import TableSources, compute, one_batch
from gapless.online import OnlineReader, materialize
from tests.features.world import MODEL, START, event_table, history, request_table
from tests.online.stores import GROUPS, MemoryStore, TableHistory, request

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
