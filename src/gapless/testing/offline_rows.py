"""Awkward rows, and small steps that checks of offline stores share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from gapless.ports.offline import OfflineStore

__all__ = ["SCHEMA", "Factory", "append", "raises", "rows_from", "same"]

Factory = Callable[[str], OfflineStore]
"""Opens the store of that name; the same name again opens the same one, an unused name an empty one."""

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("amount", pa.float64()),
        pa.field("count", pa.int64()),
        pa.field("flag", pa.bool_()),
    ]
)


def rows_from(first: int, count: int) -> pa.Table:
    """Awkward values among plain ones: nulls, an empty string, a zero with a sign, times before 1970."""
    places = range(first, first + count)
    return pa.table(
        [
            [None if i % 7 == 3 else "" if i % 11 == 5 else f"k{i:06d}é" for i in places],
            pa.array([(i - 50) * 1_000_000 for i in places], pa.timestamp("us", "UTC")),
            [None if i % 5 == 2 else -0.0 if i % 13 == 4 else i / 3 for i in places],
            [None if i % 17 == 8 else i - 9_007_199_254_740_992 for i in places],
            [None if i % 3 == 1 else i % 2 == 0 for i in places],
        ],
        schema=SCHEMA,
    )


def append(store: OfflineStore, first: int, count: int, *, batch_id: str, table: str = "sources/t") -> Any:
    """`rows_from`, as one batch of a table."""
    reader = rows_from(first, count).to_reader(max_chunksize=7)
    return store.append(table, reader, batch_id=batch_id, offset_column="_offset")


def raises(kind: type[Exception], action: Callable[[], object], *, says: str) -> None:
    """The action raises that, with such words."""
    try:
        action()
    except kind as problem:
        said = str(problem)
    else:
        raise AssertionError(f"no {kind.__name__}")
    assert says in said, f"{says!r} is not in: {said}"


def same(table: pa.Table, expected: pa.Table) -> None:
    """Both hold the same rows in the same order."""
    assert table.combine_chunks().equals(expected.combine_chunks()), f"{table}\nis not\n{expected}"
