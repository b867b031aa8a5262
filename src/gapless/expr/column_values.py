"""Columns while a program runs, and how they come from Arrow and go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES, TIMESTAMP, plain, to_numpy
from gapless.errors import GaplessError, InputError
from gapless.schema import Type

__all__ = ["Column", "broadcast", "from_arrow", "numbers", "of_scalar", "to_arrow", "validity"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """Values of all rows, or one value that stands for all rows.

    Parameters:
        data — float64, bool or int64 (µs) as NumPy; strings as Arrow.
        valid — where there is a value; None for everywhere. For strings it repeats what Arrow knows.
    """

    data: Any
    valid: Flags | np.bool_ | None = None


def from_arrow(array: pa.Array, kind: Type, name: str) -> Column:
    """A column as the operations want it: NaN and ±inf null, timestamps in µs, strings plain UTF-8.

    Raises: InputError for another type of column.
    """
    try:
        array = _as_declared(plain(array), kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, GaplessError) as error:
        raise InputError(
            f"column {name!r} has another type than the expressions were written for",
            seen=str(array.type),
            allowed=str(ARROW_TYPES[kind]),
            next_step=f"convert it before: {str(error).splitlines()[0]}",
        ) from None
    if kind is Type.STRING:
        return Column(array, validity(array))
    values, valid = to_numpy(array)
    if kind is not Type.FLOAT:
        return Column(values, None if array.null_count == 0 else valid)
    values = values.astype(np.float64, copy=False)
    finite = np.isfinite(values)
    return Column(values, None if array.null_count == 0 and finite.all() else valid & finite)


def _as_declared(array: pa.Array, kind: Type) -> pa.Array:
    found = array.type
    if pa.types.is_null(found):
        return array.cast(ARROW_TYPES[kind])
    if kind is Type.STRING and (pa.types.is_large_string(found) or pa.types.is_string_view(found)):
        return array.cast(pa.string())
    if kind is Type.TIMESTAMP and pa.types.is_timestamp(found):
        return array.cast(pa.timestamp("us", found.tz))
    fits = {
        Type.FLOAT: pa.types.is_floating(found) or pa.types.is_integer(found),
        Type.BOOL: pa.types.is_boolean(found),
        Type.STRING: pa.types.is_string(found),
        Type.TIMESTAMP: False,
    }
    if not fits[kind]:
        raise pa.ArrowInvalid(f"{found} does not become {kind.value} by itself")
    return array


def of_scalar(value: float | bool | str | int | None, kind: Type) -> Column:
    """One value for all rows."""
    if kind is Type.STRING:
        return Column(pa.scalar(value, pa.string()), np.bool_(value is not None))
    made = {Type.FLOAT: np.float64, Type.BOOL: np.bool_, Type.TIMESTAMP: np.int64}[kind](0 if value is None else value)
    return Column(made, np.bool_(False) if value is None else None)


def validity(array: pa.Array) -> Flags | None:
    """Where an Arrow array has values; None for everywhere."""
    return None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)


def numbers(array: pa.Array) -> npt.NDArray[Any]:
    """An Arrow array of numbers or bools as NumPy, 0 where it is null."""
    return to_numpy(array)[0]


def broadcast(column: Column, rows: int) -> Column:
    """`column` with one value per row."""
    if isinstance(column.data, pa.Scalar):
        array = pa.repeat(column.data, rows)
        return Column(array, validity(array))
    if isinstance(column.data, pa.Array):
        return column
    valid = column.valid if column.valid is None else np.broadcast_to(column.valid, rows)
    return Column(np.broadcast_to(column.data, rows), valid)


def to_arrow(column: Column, kind: Type, rows: int) -> pa.Array:
    """An Arrow array of `rows` values."""
    full = broadcast(column, rows)
    if kind is Type.STRING:
        return full.data
    mask = None if full.valid is None or full.valid.all() else ~full.valid
    array = pa.array(np.ascontiguousarray(full.data), mask=mask)
    return array.cast(TIMESTAMP) if kind is Type.TIMESTAMP else array
