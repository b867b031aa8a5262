"""One column of a file into one column of the table: exactly, or the row says why not.

Every coercion returns the values (null where there is none) and the faults: a reason and the rows that it holds for.
A type that cannot hold the wanted values at all raises WrongTypeError: then it is the file that is wrong, not its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import ARROW_TYPES, TIMESTAMP, plain
from gapless.ingest.buffers import text_buffers, valid_mask
from gapless.ingest.kernels import BAD, FINE, parse_instants
from gapless.schema import Type

__all__ = ["EARLIEST_US", "LATEST_US", "Coerced", "WrongTypeError", "coerce"]

Mask = npt.NDArray[np.bool_]
Coerced = tuple[pa.Array, list[tuple[str, Mask]]]

EARLIEST_US = -9_214_560_000_000_000
"""1678-01-01: what nanoseconds in int64 can hold too, so that no reader of the table overflows."""
LATEST_US = 9_214_646_400_000_000
"""2262-01-01, the first instant outside."""

_EXACT = 1 << 53
_SCALES = {"ms": 1_000, "s": 1_000_000, "d": 86_400_000_000}
_NO_VALUE = pa.array(["", "na", "n/a", "null", "none", "\\n"])
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = r"^[+-]?(nan|inf|infinity)$"
_WHOLE = r"^[+-]?[0-9]{1,18}$"


class WrongTypeError(Exception):
    """The column's own type is wrong; `args[0]` says what would do."""


def coerce(column: pa.Array, kind: Type, *, from_text: bool) -> Coerced:
    """The column as the Arrow type of `kind`.

    Parameters:
        from_text — the file format has no types of its own (CSV, JSON lines): strings are parsed by a strict grammar.
    """
    column = _decoded(column)
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), ARROW_TYPES[kind]), []
    column, faults = _utf8(column)
    values, more = _COERCIONS[kind](column, from_text)
    return values, faults + more


def _decoded(column: pa.Array) -> pa.Array:
    """Of Arrow's several encodings of the same values, one; bytes stay unchecked."""
    column = plain(column)
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    if pa.types.is_large_string(column.type):
        column = column.view(pa.large_binary())
    wide = pa.types.is_large_binary(column.type) or pa.types.is_fixed_size_binary(column.type)
    return column.cast(pa.binary()) if wide or pa.types.is_binary_view(column.type) else column


def _utf8(column: pa.Array) -> Coerced:
    """Strings that are UTF-8; Parquet and Arrow do not check it themselves."""
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
        return column, []
    text = column.view(pa.string()) if pa.types.is_binary(column.type) else column
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        raw = text.view(pa.binary())
        bad = np.array([value is not None and not _is_utf8(value) for value in raw.to_pylist()], np.bool_)
        return pc.if_else(pa.array(bad), None, raw).cast(pa.string()), [("invalid_utf8", bad)]
    return text, []


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _true(condition: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return mask


def _without(values: pa.Array, bad: Mask) -> pa.Array:
    return pc.if_else(pa.array(bad), None, values) if bad.any() else values


def _faults(**masks: Mask) -> list[tuple[str, Mask]]:
    return [(reason, mask) for reason, mask in masks.items() if mask.any()]


# ---------------------------------------------------------------------------------------------------------- numbers


def _to_float(column: pa.Array, from_text: bool) -> Coerced:
    kind = column.type
    if pa.types.is_floating(kind):
        return _finite(column.cast(pa.float64())), []
    if pa.types.is_integer(kind):
        bad = _beyond_exact(column)
        return _without(column, bad).cast(pa.float64(), safe=False), _faults(not_exact=bad)
    if pa.types.is_decimal(kind):
        return _finite(column.cast(pa.string()).cast(pa.float64())), []
    if pa.types.is_string(kind) and from_text:
        return _float_of_text(column)
    raise WrongTypeError("a float, integer or decimal column")


def _finite(values: pa.Array) -> pa.Array:
    if pc.all(pc.is_finite(values), min_count=0).as_py():
        return values
    return pc.if_else(pc.is_finite(values), values, None)


def _beyond_exact(column: pa.Array) -> Mask:
    """Integers that a float64 does not hold exactly."""
    if column.type.bit_width <= 32:
        return np.zeros(len(column), np.bool_)
    high = _true(pc.greater(column, pa.scalar(_EXACT, column.type)))
    if pa.types.is_unsigned_integer(column.type):
        return high
    return high | _true(pc.less(column, pa.scalar(-_EXACT, column.type)))


def _float_of_text(column: pa.Array) -> Coerced:
    """Decimal text is rounded once, to the nearest float64."""
    try:
        return _finite(column.cast(pa.float64())), []
    except pa.ArrowInvalid:
        text = _trimmed(column)
        number = _true(pc.match_substring_regex(text, _NUMBER))
        bad = _true(pc.is_valid(text)) & ~number & ~_true(pc.match_substring_regex(text, _NOT_FINITE, ignore_case=True))
        return _finite(_without(text, ~number).cast(pa.float64())), _faults(not_a_number=bad)


def _trimmed(column: pa.Array) -> pa.Array:
    """Without spaces at the ends, and null where it spells that there is no value."""
    text = pc.ascii_trim_whitespace(column)
    return pc.if_else(pc.is_in(pc.ascii_lower(text), _NO_VALUE), None, text)


def _to_int(column: pa.Array, from_text: bool) -> Coerced:
    kind = column.type
    if pa.types.is_integer(kind):
        bad = _beyond_exact(column)
        return _without(column, bad).cast(pa.int64()), _faults(not_exact=bad)
    if pa.types.is_floating(kind):
        return _int_of_float(_finite(column.cast(pa.float64())))
    if pa.types.is_decimal(kind):
        return _int_of_text(column.cast(pa.string()))
    if pa.types.is_string(kind) and from_text:
        return _int_of_text(column)
    raise WrongTypeError("an integer column, or floats that are whole")


def _int_of_float(values: pa.Array) -> Coerced:
    not_whole = _true(pc.not_equal(values, pc.floor(values)))
    not_exact = _true(pc.greater(pc.abs(values), float(_EXACT)))
    return _without(values, not_whole | not_exact).cast(pa.int64()), _faults(not_whole=not_whole, not_exact=not_exact)


def _int_of_text(column: pa.Array) -> Coerced:
    text = pc.replace_substring_regex(_trimmed(column), r"^\+", "")
    text = pc.replace_substring_regex(text, r"^(-?[0-9]+)\.0*$", r"\1")
    simple = _true(pc.match_substring_regex(text, _WHOLE))
    values = _without(text, ~simple).cast(pa.int64())
    beyond = _beyond_exact(values)
    rest = np.flatnonzero(_true(pc.is_valid(text)) & ~simple)
    faults = {reason: np.zeros(len(column), np.bool_) for reason in ("not_a_number", "not_whole", "not_exact")}
    faults["not_exact"] |= beyond
    if len(rest):  # exponents and very long digits: few, and decimal arithmetic says exactly which are whole
        read = [_whole(value) for value in text.take(pa.array(rest)).to_pylist()]
        for row, value in zip(rest, read, strict=True):
            if isinstance(value, str):
                faults[value][row] = True
        filled = np.array([value if isinstance(value, int) else 0 for value in read], np.int64)
        known = np.zeros(len(column), np.bool_)
        known[rest] = [isinstance(value, int) for value in read]
        scattered = np.zeros(len(column), np.int64)
        scattered[rest] = filled
        values = pc.if_else(pa.array(known), pa.array(scattered), values)
    return _without(values, beyond), _faults(**faults)


def _whole(text: str) -> int | str | None:
    """The integer; a reason why not; None for NaN and infinities."""
    try:
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None:
        return "not_a_number"
    if not number.is_finite():
        return None if not number.is_snan() else "not_a_number"
    if abs(number) > _EXACT:
        return "not_exact"
    return int(number) if number == number.to_integral_value() else "not_whole"


# --------------------------------------------------------------------------------------------- booleans, strings, time


def _to_bool(column: pa.Array, from_text: bool) -> Coerced:
    if pa.types.is_boolean(column.type):
        return column, []
    if not (pa.types.is_string(column.type) and from_text):
        raise WrongTypeError("a boolean column")
    text = pc.ascii_lower(_trimmed(column))
    yes = pc.equal(text, "true")
    bad = ~_true(pc.or_(yes, pc.equal(text, "false"))) & valid_mask(text)
    return _without(yes, bad), _faults(not_a_boolean=bad)


def _to_string(column: pa.Array, from_text: bool) -> Coerced:
    if not pa.types.is_string(column.type):
        raise WrongTypeError("a string column")
    return column, []


def _to_timestamp(column: pa.Array, from_text: bool) -> Coerced:
    kind = column.type
    if pa.types.is_timestamp(kind):
        us, faults = _us_of(column.view(pa.int64()), kind.unit)
    elif pa.types.is_date(kind):
        days = column.cast(pa.date32()).view(pa.int32()).cast(pa.int64())
        us, faults = _us_of(days, "d")
    elif pa.types.is_string(kind) and from_text:
        us, faults = _us_of_text(column)
    else:
        raise WrongTypeError("a timestamp or date column")
    outside = _true(pc.or_(pc.less(us, EARLIEST_US), pc.greater_equal(us, LATEST_US)))
    return _without(us, outside).view(TIMESTAMP), faults + _faults(timestamp_out_of_range=outside)


def _us_of(ticks: pa.Array, unit: str) -> Coerced:
    if unit == "us":
        return ticks, []
    if unit == "ns":
        us = pc.divide(ticks, 1_000)
        fine = _true(pc.not_equal(pc.multiply(us, 1_000), ticks))
        return _without(us, fine), _faults(finer_than_a_microsecond=fine)
    scale = _SCALES[unit]
    limit = LATEST_US // scale + 1
    outside = _true(pc.or_(pc.greater(ticks, limit), pc.less(ticks, -limit)))  # before multiplying, which would wrap
    return pc.multiply(_without(ticks, outside), scale), _faults(timestamp_out_of_range=outside)


def _us_of_text(column: pa.Array) -> Coerced:
    us, status = _parsed(column)
    if (status[valid_mask(column)] == BAD).any():
        column = _trimmed(column)
        us, status = _parsed(column)
    valid = valid_mask(column)
    bad, fine = valid & (status == BAD), valid & (status == FINE)
    values = pc.if_else(pa.array(valid & ~bad & ~fine), pa.array(us), None)
    return values, _faults(not_a_timestamp=bad, finer_than_a_microsecond=fine)


def _parsed(column: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    us, status = np.zeros(len(column), np.int64), np.zeros(len(column), np.uint8)
    if len(column):
        parse_instants(*text_buffers(column), us, status)
    return us, status


_COERCIONS: dict[Type, Callable[[Any, bool], Coerced]] = {
    Type.FLOAT: _to_float,
    Type.INT: _to_int,
    Type.BOOL: _to_bool,
    Type.STRING: _to_string,
    Type.TIMESTAMP: _to_timestamp,
}
