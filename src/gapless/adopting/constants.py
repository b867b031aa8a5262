"""A constant of the author's function as a symbol."""

from __future__ import annotations

import math
import numbers
from datetime import UTC, datetime, timedelta
from typing import Any

from gapless.adopting.symbols import Reason, Symbol, Unexpressed, unexpressed
from gapless.expr import literal, null

__all__ = ["lift"]

_WHOLE = 2**53


def lift(value: object) -> Symbol:
    """A constant, or the symbol that it is already.

    Raises: Unexpressed for what no column can hold.
    """
    if isinstance(value, Symbol):
        return value
    reason = getattr(value, "reason", None)
    if isinstance(reason, Reason):
        raise Unexpressed(reason)
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # a scalar of NumPy
        value = value.item()
    made = _missing_literal(value) or _plain_literal(value)
    if made is None:
        raise unexpressed(f"a {type(value).__name__} as a constant")
    return made


def _missing_literal(value: Any) -> Symbol | None:
    nothing = value is None or type(value).__name__ in ("NaTType", "NAType")
    return Symbol(null(float), "float") if nothing or (isinstance(value, float) and math.isnan(value)) else None


def _plain_literal(value: Any) -> Symbol | None:
    if isinstance(value, bool):
        return Symbol(literal(value), "bool", False)
    if isinstance(value, str):
        return Symbol(literal(value), "string", False)
    if isinstance(value, timedelta):
        return Symbol(literal(value / timedelta(seconds=1)), "span", False)
    if isinstance(value, datetime):
        return _instant(value)
    return _number_literal(value) if isinstance(value, numbers.Real) else None


def _instant(value: datetime) -> Symbol:
    plain = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
    return Symbol(literal(_utc(plain)), "timestamp", False, aware=value.tzinfo is not None)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _number_literal(value: Any) -> Symbol:
    if isinstance(value, numbers.Integral):
        if abs(int(value)) > _WHOLE:
            raise unexpressed("a whole number above 2^53", "ids are str in gapless")
        return Symbol(literal(int(value)), "int", False)
    if math.isinf(value):
        on, off = literal(True), None
        return Symbol(null(float), "float", False, *((on, off) if value > 0 else (off, on)))
    return Symbol(literal(float(value)), "float", False)
