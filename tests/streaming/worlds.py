"""Worlds of `tests.features` whose events come partly as files and partly by partitions of a log."""

from __future__ import annotations

import random

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.features import TableSources, compute, one_batch, plan_groups
from gapless.online import Layout, OnlineReader, materialize
from gapless.online.topology import announce
from gapless.ports.places import place_of
from gapless.streaming.parts import Part, opened
from tests.features.world import MODEL, event_table, request_table
from tests.online.stores import MemoryStore, TableHistory, history, request

GROUPS = plan_groups(MODEL.views)
LAYOUT = Layout.of(GROUPS[0])
NAMES = [name for name in MODEL.outputs if name.startswith("stats__")]


def landed(rows, places):
    """Rows as a landed table has them."""
    known = pa.array([row["known"] for row in rows], pa.int64()).cast(TIMESTAMP)
    table = event_table(rows).append_column(KNOWN_AT, known).append_column(OFFSET, pa.array(places, pa.int64()))
    return table.combine_chunks().to_batches()[0] if rows else pa.RecordBatch.from_pylist([], table.schema)


def split(seed, rows, partitions):
    """(rows that come as a file, rows by partition), in random shares that keep the order."""
    draw = random.Random(seed)
    parts = [[] for _ in range(partitions + 1)]
    for row in rows:
        parts[draw.randrange(partitions + 1)].append(row)
    return parts[0], parts[1:]


def cuts(seed, rows):
    """Some ways through the rows in order: (first, end) of batches that may overlap those before."""
    draw = random.Random(seed)
    at = 0
    while at < len(rows):
        end = min(len(rows), at + draw.choice([1, 2, 5, 20]))
        yield max(0, at - draw.choice([0, 0, 0, 3])), end
        at = end


def ready(store, partitions, *, recent_bytes=1 << 20) -> list[Part]:
    """The parts of all partitions, as if they had just been filled with nothing."""
    if partitions:
        announce(store, LAYOUT.group.source.name, partitions)
    parts = [part for p in range(partitions) for part in opened([LAYOUT], p, store, recent_bytes=recent_bytes)]
    for part in parts:
        part.ready = True
    return parts


def take(store, part, rows, first, end, *, as_of_us):
    """Commits rows [first, end) of a partition, one record for each."""
    batch = landed(rows[first:end], [place_of(i) for i in range(first, end)])
    columns = [*part.columns(), KNOWN_AT, OFFSET]
    change = part.change(batch.select(columns), store.read, as_of_us=as_of_us, known_us=as_of_us, end=place_of(end))
    change.remember()
    done = store.commit(change.updates(), change.offsets())
    assert not done.older
    change.done()
    return change


def filled(files, as_of_us):
    """A store that holds the file."""
    store = MemoryStore()
    materialize(GROUPS, TableHistory(files), store, as_of_us=as_of_us)
    return store


def read(store, asks):
    """Features of requests as Python values, and what is known of them."""
    looked = OnlineReader.of(MODEL.feature_set, store).read([request(*ask) for ask in asks], [at for _, at in asks])
    return pa.table(looked.columns()).select(NAMES), looked


def batch(rows, asks):
    """The same by the batch kernel, over all rows in the order of ties."""
    sources = TableSources({"events": event_table(rows)})
    return one_batch(compute(MODEL, request_table(asks), sources)).select(NAMES)


__all__ = ["GROUPS", "LAYOUT", "batch", "cuts", "filled", "history", "landed", "read", "ready", "split", "take"]
