"""Worlds of `tests.features` with an online store beside them."""

from __future__ import annotations

import random

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.clock import DAY
from gapless.features import plan_groups
from gapless.online import Layout
from gapless.online.record import unpack
from gapless.ports.online import Committed, OnlineCapabilities
from tests.features import world
from tests.features.world import MODEL, event_table

GROUPS = plan_groups(MODEL.views)


def history(seed, **counts):
    """As in `world`, but some events are known long before they happen."""
    rows, asks = world.history(seed, **counts)
    draw = random.Random(seed)
    early = [row | {"known": row["time"] - draw.randrange(2 * DAY)} for row in rows]
    return [draw.choice([a, a, b]) for a, b in zip(rows, early, strict=True)], asks


class MemoryStore:
    """An online store that forgets with the process, atomic for each key alone.

    Parameters:
        fault — called before each key of a commit is taken; offsets come last.
    """

    capabilities = OnlineCapabilities(atomic="key", local=True)

    def __init__(self, *, fault=None):
        self.values = {}
        self.fault = fault or (lambda point, key: None)

    def read(self, keys):
        return [self.values[key].value if key in self.values else None for key in keys]

    def commit(self, updates, offsets):
        written = 0
        for key, update in {**updates, **offsets}.items():
            self.fault("update", key.hex())
            there = self.values[key].position if key in self.values else 0
            if there < update.position and update.after in (None, there):
                self.values[key] = update
                written += 1
        return Committed(written, len(updates) + len(offsets) - written)

    def keys(self, prefix):
        return iter([key for key in self.values if key.startswith(prefix)])

    def remove(self, prefix):
        gone = list(self.keys(prefix))
        for key in gone:
            del self.values[key]
        return len(gone)

    def close(self):
        pass


class TableHistory:
    """Events of `world.history` in the order they stand in."""

    def __init__(self, rows):
        table = event_table(rows)
        known = pa.array([e["known"] for e in rows], pa.int64()).cast(TIMESTAMP)
        self._table = table.append_column(KNOWN_AT, known).append_column(OFFSET, pa.array(range(len(rows)), pa.int64()))

    def end(self, source):
        return self._table.num_rows

    def read(self, source, columns, *, offsets, known):
        start, end = offsets
        part = self._table.slice(start, max(end - start, 0)).select([*columns, KNOWN_AT, OFFSET])
        when = part.column(KNOWN_AT).cast(pa.int64()).to_pylist()
        kept = [i for i, us in enumerate(when) if us <= known[1] and (known[0] is None or us > known[0])]
        return iter(part.take(pa.array(kept, pa.int64())).combine_chunks().to_batches())


LAYOUT = Layout.of(GROUPS[0])


def content(store, at_us=None):
    """The records by key, without their positions; with the pending events of an instant inside the tiles."""
    found = {}
    for key in store.keys(LAYOUT.namespace):
        if key != LAYOUT.offset_key:
            record = unpack(store.read([key])[0])
            record = record if at_us is None else record.at(LAYOUT.plan.tiles, at_us)
            found[key] = (record.newest_us, record.waiting, record.tiles)
    return found


def request(key, at):
    return {"id": "r", "a": key[0], "b": key[1], "t": at}
