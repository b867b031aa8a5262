"""Values of one row as they come in: checked, and canonical before the first operation."""

from __future__ import annotations

import numbers
from typing import NoReturn

from gapless.errors import InputError

__all__ = ["read_bool", "read_float", "read_string", "read_timestamp", "refuse_row"]


def read_float(name: str, value: object) -> float | None:
    """A number; None for None, NaN and ±inf."""
    if value is None:
        return None
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            return None
        return found if found - found == 0.0 else None
    _refuse(name, value, "a number or None")


def read_bool(name: str, value: object) -> bool | None:
    """True or False, NumPy's too."""
    if value is None or type(value).__name__ in ("bool", "bool_"):
        return None if value is None else bool(value)
    _refuse(name, value, "True, False or None")


def read_string(name: str, value: object) -> str | None:
    """A text that UTF-8 can hold."""
    if value is None:
        return None
    if not isinstance(value, str):
        _refuse(name, value, "a text or None")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(name, ascii(value), "Unicode text without lone surrogates")
    return str(value)


def read_timestamp(name: str, value: object) -> int | None:
    """Whole microseconds since 1970-01-01 UTC that fit in 64 bits."""
    if value is None:
        return None
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and -(2**63) <= int(value) < 2**63:
        return int(value)
    _refuse(name, value, "whole microseconds since 1970-01-01 UTC, or None")


def refuse_row(missing: KeyError, row: object) -> NoReturn:
    """The row lacks a column."""
    raise InputError(
        "a row without a column that an expression reads",
        seen=missing.args[0],
        allowed=", ".join(row) if isinstance(row, dict) else "a mapping of all columns",
        next_step="give every column; None where there is no value",
    ) from None


def _refuse(name: str, value: object, allowed: str) -> NoReturn:
    raise InputError(
        f"column {name!r} holds a value of another type",
        seen=value,
        allowed=allowed,
        next_step="convert it where the row is made",
    )
