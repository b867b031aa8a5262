"""Schemas and columns as Arrow values, NumPy views of them, and dense codes for keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.errors import TypeMismatch
from gapless.schema import Schema, Type

__all__ = [
    "ARROW_TYPES",
    "KNOWN_AT",
    "OFFSET",
    "TIMESTAMP",
    "KeyCodes",
    "filled",
    "kept",
    "known_by",
    "plain",
    "schema_to_arrow",
    "to_numpy",
]

OFFSET = "_offset"
"""Row order of a whole source table: dense, from 0, given at commit."""

KNOWN_AT = "_known_at"
"""When the platform could first read the row."""

TIMESTAMP = pa.timestamp("us", "UTC")

ARROW_TYPES: dict[Type, pa.DataType] = {
    Type.FLOAT: pa.float64(),
    Type.INT: pa.int64(),
    Type.BOOL: pa.bool_(),
    Type.STRING: pa.string(),
    Type.TIMESTAMP: TIMESTAMP,
}


def schema_to_arrow(schema: Schema) -> pa.Schema:
    """The Arrow schema of a table with these columns; every field may be null.

    Examples:
        >>> schema_to_arrow(Schema.of({"origin": str, "dep_delay": float})).names
        ['origin', 'dep_delay']
    """
    return pa.schema([pa.field(name, ARROW_TYPES[kind]) for name, kind in schema.columns])


def filled(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of a schema: those that the batch has, and nulls for the others.

    Examples:
        >>> batch = pa.record_batch({"a": [1, 2], "b": [3, 4]})
        >>> filled(batch, pa.schema([("c", pa.string()), ("a", pa.int64())])).to_pylist()
        [{'c': None, 'a': 1}, {'c': None, 'a': 2}]
    """
    there = set(batch.schema.names)
    columns = [batch.column(f.name) if f.name in there else pa.nulls(batch.num_rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def kept(batch: pa.RecordBatch, keep: pa.BooleanArray) -> pa.RecordBatch:
    """The rows where `keep` is true; the batch itself, without a copy, where all are.

    Examples:
        >>> batch = pa.record_batch({"a": [1, 2, 3]})
        >>> kept(batch, pa.array([True, None, False])).to_pydict(), kept(batch, pa.array([True] * 3)) is batch
        ({'a': [1]}, True)
    """
    return batch if keep.true_count == len(keep) else batch.filter(keep)


def known_by(batch: pa.RecordBatch, us: int | None) -> pa.RecordBatch:
    """The rows of a source that were known by an instant; None: all.

    Examples:
        >>> batch = pa.record_batch({"a": [1, 2], KNOWN_AT: pa.array([5, 9], TIMESTAMP)})
        >>> known_by(batch, 5).column("a").to_pylist()
        [1]
    """
    return batch if us is None else kept(batch, pa.array(to_numpy(batch.column(KNOWN_AT))[0] <= us))


def plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array of the same values without dictionary encoding; copies only where it must."""
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # combine_chunks keeps zero chunks apart
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def to_numpy(array: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """(values, valid) of a float, integer, bool or timestamp column.

    Values are float64, int64 (integers, and timestamps in their own unit) or bool; 0 where `valid` is False.

    Cost: no copy of the values of a 64-bit column without nulls; such arrays are read-only.

    Raises: TypeMismatch for a column of another type; strings go through KeyCodes.

    Examples:
        >>> values, valid = to_numpy(pa.array([1.5, None]))
        >>> values.tolist(), valid.tolist()
        ([1.5, 0.0], [True, False])
    """
    column = _as_plain_number(plain(array))
    if column.null_count == 0:
        return column.to_numpy(zero_copy_only=False), np.ones(len(column), np.bool_)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    zero = pa.scalar(False if pa.types.is_boolean(column.type) else 0, column.type)
    return pc.fill_null(column, zero).to_numpy(zero_copy_only=False), valid


def _as_plain_number(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.view(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_boolean(kind):
        return column
    if pa.types.is_null(kind):
        return column.cast(pa.float64())
    raise TypeMismatch(
        "a column that has no numeric form",
        seen=str(kind),
        allowed="float, integer, bool or timestamp",
        next_step="encode strings with KeyCodes",
    )


class KeyCodes:
    """Gives each distinct key a dense int64 code, 0, 1, 2…, in order of first sight, the same across batches.

    A key is one column or several. Null is a value of its own here: it gets the code -1 where the key is one column,
    and takes part like any other value where the key is several.

    Cost: one dictionary entry per distinct key; batches are encoded column by column.

    Examples:
        >>> codes = KeyCodes()
        >>> codes.encode([pa.array(["JFK", "LGA", "JFK"])]).tolist()
        [0, 1, 0]
        >>> codes.encode([pa.array(["EWR", "LGA", None])]).tolist()
        [2, 1, -1]
        >>> len(codes)
        3
    """

    def __init__(self) -> None:
        self._levels: list[dict[Any, int]] = []

    def __len__(self) -> int:
        return len(self._levels[-1]) if self._levels else 0

    def encode(self, columns: Sequence[pa.Array | pa.ChunkedArray]) -> npt.NDArray[np.int64]:
        """The code of each row's key; a key not seen before gets the next one."""
        codes = _encode(plain(columns[0]), self._level(0))
        for depth, column in enumerate(columns[1:]):
            right = _encode(plain(column), self._level(2 * depth + 1))
            pairs = (codes + 1) << np.int64(32) | (right + 1)
            codes = _encode(pa.array(pairs), self._level(2 * depth + 2))
        return codes

    @property
    def values(self) -> list[Any]:
        """The distinct values of a key of one column, each at the place of its code."""
        return list(self._level(0))

    def _level(self, index: int) -> dict[Any, int]:
        while len(self._levels) <= index:
            self._levels.append({})
        return self._levels[index]


def _encode(column: pa.Array, seen: dict[Any, int]) -> npt.NDArray[np.int64]:
    encoded = column.dictionary_encode()
    known = [seen.setdefault(value, len(seen)) for value in encoded.dictionary.to_pylist()]
    table = np.array([*known, -1], np.int64)  # null reads the last one
    codes: npt.NDArray[np.int64] = table[pc.fill_null(encoded.indices, len(known)).to_numpy(zero_copy_only=False)]
    return codes
