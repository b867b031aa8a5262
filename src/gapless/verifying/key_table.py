"""The events of one group of views whose key some requests have, as columns that can be looked into key by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP, schema_to_arrow
from gapless.features import Group, KeyIndex
from gapless.verifying.history import History

__all__ = ["PARTITION", "KeyTable"]

Ints = npt.NDArray[np.int64]

PARTITION, _CODE = "_partition", "_code"


class KeyTable:
    """Events with `_known_at`, `_offset` and `_partition`, by the keys of requests.

    Cost: one pass over the source's tables when it is made; memory of the columns of the events that have such a key.
    """

    def __init__(
        self, group: Group, requests: pa.RecordBatch, history: History, start_us: int | None, end_us: int | None
    ) -> None:
        self.group = group
        index = KeyIndex([requests.column(key) for key, _ in group.keys])
        self.codes, self._keys = index.codes, len(index)
        tables = list(_found(group, index, history, start_us, end_us))
        self.table = pa.concat_tables(tables) if tables else _nothing(group)
        self._order, self._ends = _by_code(tables, len(index))

    def rows_of(self, request: int) -> Ints:
        """The rows of a request's key, by partition and place; none for nobody's key."""
        code = int(self.codes[request])
        return self._order[:0] if code == self._keys else self._order[self._ends[code] : self._ends[code + 1]]

    def take(self, rows: Ints) -> pa.Table:
        """Some rows."""
        return self.table.take(pa.array(rows))

    def numbers(self, name: str) -> Ints:
        """A column of whole numbers or instants."""
        numbers: Ints = self.table.column(name).cast(pa.int64()).to_numpy()
        return numbers


def _found(
    group: Group, index: KeyIndex, history: History, start_us: int | None, end_us: int | None
) -> Iterator[pa.Table]:
    source = group.source
    for part in history.parts(source):
        for batch in history.read_part(source, part, sorted(group.columns), start_us, end_us):
            codes = index.find([batch.column(column) for _, column in group.keys])
            rows = np.flatnonzero(codes >= 0)
            if len(rows):
                table = pa.Table.from_batches([batch]).take(pa.array(rows))
                table = table.append_column(PARTITION, pa.array(np.full(len(rows), part.partition)))
                yield table.append_column(_CODE, pa.array(codes[rows]))


def _nothing(group: Group) -> pa.Table:
    types = schema_to_arrow(group.source.columns)
    own = [(KNOWN_AT, TIMESTAMP), (OFFSET, pa.int64()), (PARTITION, pa.int64()), (_CODE, pa.int64())]
    return pa.schema([*(types.field(name) for name in sorted(group.columns)), *own]).empty_table()


def _by_code(tables: Sequence[pa.Table], keys: int) -> tuple[Ints, Ints]:
    """(rows sorted by code, where the rows of each code begin)."""
    codes = np.concatenate([np.zeros(0, np.int64), *(table.column(_CODE).to_numpy() for table in tables)])
    ends = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=keys))])
    return np.argsort(codes, kind="stable"), ends.astype(np.int64)
