"""Worlds of `tests.features` with an online store beside them."""

from __future__ import annotations

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.features import plan_groups
from gapless.ports.online import Committed, OnlineCapabilities
from tests.features.world import MODEL, event_table

GROUPS = plan_groups(MODEL.views)


class MemoryStore:
    """An online store that forgets with the process."""

    capabilities = OnlineCapabilities(atomic="commit", local=True)

    def __init__(self):
        self.values = {}

    def read(self, keys):
        return [self.values[key].value if key in self.values else None for key in keys]

    def commit(self, updates, offsets):
        written = 0
        for key, update in {**updates, **offsets}.items():
            if key not in self.values or self.values[key].position < update.position:
                self.values[key] = update
                written += 1
        return Committed(written, len(updates) + len(offsets) - written)

    def keys(self, prefix):
        return iter([key for key in self.values if key.startswith(prefix)])

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
        return iter(part.take(kept).combine_chunks().to_batches())


def request(key, at):
    return {"id": "r", "a": key[0], "b": key[1], "t": at}
