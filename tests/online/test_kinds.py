"""Every kind of key, of input and of result, through the store and back: the bits of batch."""

import random
from datetime import datetime

import pyarrow as pa
import pytest

import gapless as gl
from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP, schema_to_arrow, to_numpy
from gapless.clock import DAY, HOUR
from gapless.features import TableSources, compute, one_batch, plan_groups
from gapless.online import OnlineReader, materialize
from gapless.product import FeatureSet
from tests.online.stores import MemoryStore

COLUMNS = {"s": str, "i": int, "f": float, "b": bool, "d": datetime}
EVENTS = gl.EventSource("events", schema=COLUMNS | {"at": datetime}, event_time="at", delay="20m")
ASKS = gl.EventSource("asks", schema=COLUMNS | {"id": str, "t": datetime}, event_time="t", event_id="id")


def everything(e):
    both = {"windows": ["3h", "2d"]}
    return {
        "count": gl.count(**both),
        "count_i": gl.count(e.i, windows=["2d"], where=e.b),
        "sum": gl.sum(e.f, **both),
        "mean": gl.mean(e.b, **both),
        "var": gl.var(e.f, **both),
        "std": gl.std(e.i, windows=["2d"], hop="exact"),
        "min": gl.min(e.f, **both),
        "min_b": gl.min(e.b, windows=["2d"]),
        "max": gl.max(e.i, windows=["30d"]),
        "any": gl.any(e.b, **both),
        "all": gl.all(e.f > 0, **both),
        "first": gl.first(e.s),
        "first_d": gl.first(e.d, max_age="1d"),
        "last": gl.last(e.b),
        "last_n": gl.last_n(e.s, n=3, windows=["2d"]),
        "last_d": gl.last_n(e.d, n=2),
        "kinds_f": gl.n_unique(e.f, windows=["2d"]),
        "kinds_d": gl.n_unique(e.d, windows=["2d"]),
        "own_time": gl.last(e.at, windows=["3h"]),
    }


def view(*keys):
    made = gl.feature_view(entity=gl.Entity("thing", keys=list(keys)), source=EVENTS, name="by_" + "".join(keys))
    return made(everything)


VIEWS = (view("s"), view("i"), view("f"), view("b"), view("d"), view("b", "s", "i"), view("s", "d"))
FEATURES = FeatureSet(ASKS, VIEWS, ())
START = 1_700_000_000_000_000
END = START + 3 * DAY


def values(draw):
    return {
        "s": draw.choice(["a", "b", "é", "", None]),
        "i": draw.choice([1, -7, 2**53, None]),
        "f": draw.choice([0.0, -0.0, 1.5, -1e300, 1e300, 5e-324, None]),
        "b": draw.choice([True, False, None]),
        "d": draw.choice([0, -1, START, 2**53 + 1, None]),
    }


def table(source, rows):
    schema = schema_to_arrow(source.columns)
    columns = [
        pa.array([row[name] for row in rows], pa.int64() if _is_time(f) else f.type)
        for f in schema
        for name in [f.name]
    ]
    return pa.table(
        [c.cast(TIMESTAMP) if _is_time(f) else c for c, f in zip(columns, schema, strict=True)], schema=schema
    )


def _is_time(field):
    return pa.types.is_timestamp(field.type)


class History:
    def __init__(self, events):
        known = pa.array(to_numpy(events.column("at"))[0] + EVENTS.delay_us).cast(TIMESTAMP)
        places = pa.array(range(len(events)), pa.int64())
        self._table = events.append_column(KNOWN_AT, known).append_column(OFFSET, places)

    def end(self, source):
        return len(self._table)

    def read(self, source, columns, *, offsets, known):
        part = self._table.slice(offsets[0], offsets[1] - offsets[0]).select([*columns, KNOWN_AT, OFFSET])
        kept = to_numpy(part.column(KNOWN_AT))[0] <= known[1]
        return iter(part.filter(pa.array(kept)).combine_chunks().to_batches())


def exact(value):
    return value.hex() if isinstance(value, float) else value


@pytest.mark.parametrize("seed", range(4))
def test_every_kind_reads_as_in_batch(seed):
    draw = random.Random(seed)
    events = table(EVENTS, [values(draw) | {"at": START + draw.randrange(0, 3 * DAY, HOUR // 4)} for _ in range(150)])
    asks = [values(draw) | {"id": str(i), "t": END + draw.randrange(2 * DAY)} for i in range(60)]
    store = MemoryStore()
    materialize(plan_groups(VIEWS), History(events), store, as_of_us=END, chunk_events=60)
    looked = OnlineReader.of(FEATURES, store).read(asks, [ask["t"] for ask in asks])
    batch = one_batch(compute(FEATURES, table(ASKS, asks), TableSources({"events": events}), known_by_us=END))
    found = looked.columns()
    assert set(found) == set(FEATURES.outputs)
    assert not looked.early
    by_row = [looked.row(i) for i in range(len(asks))]
    for name, column in found.items():
        expected = batch.column(name).combine_chunks()
        assert column.type == expected.type
        plain = [c.view(pa.int64()) if pa.types.is_timestamp(c.type) else c for c in (column, expected)]
        assert [exact(v) for v in plain[0].to_pylist()] == [exact(v) for v in plain[1].to_pylist()], name
        assert [exact(row[name]) for row in by_row] == [exact(v) for v in plain[1].to_pylist()], name
        assert {type(row[name]) for row in by_row} == {type(v) for v in plain[1].to_pylist()}
