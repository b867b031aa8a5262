"""Operations on numbers and bools over NumPy arrays.

Undefined floats come out as NaN or ±inf; the program makes them null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from gapless.expr.column_math import FUNCTIONS

__all__ = ["KERNELS", "position_among"]

Params = Mapping[str, Any]


def _modulo(x: Any, y: Any) -> Any:
    m = np.fmod(x, y)
    return np.where((m != 0.0) & ((m < 0.0) != (y < 0.0)), m + y, m) + 0.0


def _floor_divide(x: Any, y: Any) -> Any:
    q = (x - _modulo(x, y)) / y
    f = np.floor(q)
    return np.where(q - f > 0.5, f + 1.0, f) + 0.0


def _round(x: Any) -> Any:
    f = np.floor(x)
    return f + (x - f >= 0.5) + 0.0


def _least(x: Any, y: Any) -> Any:
    return np.where((x < y) | ((x == y) & np.signbit(x)), x, y)


def _greatest(x: Any, y: Any) -> Any:
    return np.where((x > y) | ((x == y) & ~np.signbit(x)), x, y)


def _minimum(*values: Any) -> Any:
    return reduce(np.minimum if _are_instants(values) else _least, values)


def _maximum(*values: Any) -> Any:
    return reduce(np.maximum if _are_instants(values) else _greatest, values)


def _are_instants(values: tuple[Any, ...]) -> bool:
    return bool(values[0].dtype == np.int64)


def position_among(x: Any, values: tuple[float, ...]) -> Any:
    """Position of each x in `values` as a float, NaN where it is not there."""
    listed = np.array(values)
    order = np.argsort(listed)
    at = np.minimum(np.searchsorted(listed, x, sorter=order), len(values) - 1)
    found = order[at]
    return np.where(listed[found] == x, found.astype(np.float64), np.nan)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda params, *arrays: function(*arrays)


_PLAIN: Mapping[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "floor_divide": _floor_divide,
    "modulo": _modulo,
    "negate": np.negative,
    "abs": np.abs,
    "floor": lambda x: np.floor(x) + 0.0,
    "ceil": lambda x: np.ceil(x) + 0.0,
    "round": _round,
    "sqrt": np.sqrt,
    "minimum": _minimum,
    "maximum": _maximum,
    "not": np.logical_not,
    "bool_to_float": lambda x: x.astype(np.float64),
    "float_to_bool": lambda x: x != 0.0,
    **FUNCTIONS,
}

KERNELS: Mapping[str, Callable[..., Any]] = {
    **{name: _plain(function) for name, function in _PLAIN.items()},
    "is_in": lambda params, x: ~np.isnan(position_among(x, params["values"])),
    "position_in": lambda params, x: position_among(x, params["values"]),
    "eq": _plain(np.equal),
    "ne": _plain(np.not_equal),
    "lt": _plain(np.less),
    "le": _plain(np.less_equal),
    "gt": _plain(np.greater),
    "ge": _plain(np.greater_equal),
}
