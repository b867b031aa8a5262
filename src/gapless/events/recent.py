"""The ids that count once: those of the events that were accepted last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.ingest.hashing import hash_rows
from gapless.ingest.kernels import resolve_recent
from gapless.product import EventSource

__all__ = ["CONFLICT", "NEW", "REPEAT", "Recent"]

NEW, REPEAT, CONFLICT = 0, 1, 2


class Recent:
    """Says of each event whether its id is among those of the newest `horizon` accepted ones.

    An event that is accepted pushes the oldest one out. `_known_at` is no part of what is compared: a producer that
    sends an event again stamps it later.

    Cost: 64 to 128 bytes for each remembered id, 100 ns for each event. Ids are compared by 128 bits of their hash,
    contents by 64.
    """

    def __init__(self, source: EventSource, horizon: int) -> None:
        self._columns = list(source.columns)
        self._event_id = source.event_id
        self._horizon = horizon
        self._accepted = 0
        self._used = 0
        self._table: Any = np.zeros((16, 4), np.uint64)

    def verdicts(self, batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
        """NEW, REPEAT or CONFLICT (the id with other values) of each row, in order; the new ones are remembered."""
        return self._resolve(batch, forced=False)

    def seed(self, batch: pa.RecordBatch) -> None:
        """Remembers events that were accepted before, the oldest first."""
        self._resolve(batch, forced=True)

    def _resolve(self, batch: pa.RecordBatch, *, forced: bool) -> npt.NDArray[np.uint8]:
        verdicts = np.zeros(batch.num_rows, np.uint8)
        if self._event_id is None or not batch.num_rows:
            return verdicts
        rows = np.empty((batch.num_rows, 3), np.uint64)
        rows[:, :2] = hash_rows([batch.column(self._event_id)])
        rows[:, 2] = hash_rows([batch.column(name) for name in self._columns])[:, 0]
        self._make_room(len(rows))
        self._accepted = resolve_recent(rows, self._horizon, self._accepted, forced, self._table, verdicts)
        self._used += int(np.count_nonzero(verdicts == NEW))
        return verdicts

    def _make_room(self, rows: int) -> None:
        """The index stays half empty; what is no longer remembered goes when it grows."""
        if 2 * (self._used + rows) <= len(self._table):
            return
        numbers = self._table[:, 3].astype(np.int64)
        kept = self._table[numbers > max(self._accepted - self._horizon, 0)]
        kept = kept[np.argsort(kept[:, 3])]
        self._used, self._accepted = len(kept), 0
        self._table = np.zeros((1 << int(4 * (len(kept) + rows)).bit_length(), 4), np.uint64)
        if len(kept):
            ids = np.ascontiguousarray(kept[:, :3])
            self._accepted = resolve_recent(ids, self._horizon, 0, True, self._table, np.zeros(len(kept), np.uint8))
