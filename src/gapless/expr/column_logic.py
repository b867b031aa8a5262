"""Operations with a null rule of their own, over whole columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gapless.expr.column_values import Column, validity

__all__ = ["KERNELS"]


def _valid(column: Column) -> Any:
    return np.True_ if column.valid is None else column.valid


def _and(p: Column, q: Column) -> Column:
    true_p, true_q = p.data & _valid(p), q.data & _valid(q)
    false = (_valid(p) & ~p.data) | (_valid(q) & ~q.data)
    return Column(true_p & true_q, (true_p & true_q) | false)


def _or(p: Column, q: Column) -> Column:
    true = (p.data & _valid(p)) | (q.data & _valid(q))
    return Column(true, true | (_valid(p) & _valid(q)))


def _if(p: Column, x: Column, y: Column) -> Column:
    chosen = p.data & _valid(p)
    if isinstance(x.data, pa.Array | pa.Scalar):
        return _strings(pc.if_else(pa.array(chosen), x.data, y.data)) if chosen.ndim else (x if chosen else y)
    return Column(np.where(chosen, x.data, y.data), _merged(chosen, x, y))


def _merged(chosen: Any, x: Column, y: Column) -> Any:
    return None if x.valid is None and y.valid is None else np.where(chosen, _valid(x), _valid(y))


def _coalesce(*values: Column) -> Column:
    if any(isinstance(value.data, pa.Array | pa.Scalar) for value in values):
        return _strings(pc.coalesce(*(value.data for value in values)))
    return reduce(_first, values)


def _first(x: Column, y: Column) -> Column:
    if x.valid is None:
        return x
    return Column(np.where(x.valid, x.data, y.data), None if y.valid is None else x.valid | y.valid)


def _strings(array: Any) -> Column:
    return Column(array, validity(array))


KERNELS: Mapping[str, Callable[..., Column]] = {
    "and": _and,
    "or": _or,
    "is_null": lambda x: Column(~_valid(x)),
    "is_not_null": lambda x: Column(_valid(x)),
    "if": _if,
    "coalesce": _coalesce,
}
"""Operation → function of columns."""
