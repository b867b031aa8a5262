"""The fixed parameters of operations: what is allowed, checked once for authors and for files alike.

Each checker returns the canonical value (so that equal meaning gives equal fingerprints) or raises ValueError saying
what is allowed.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from functools import lru_cache

from gapless.expr.zones import require_zone
from gapless.schema import Type

__all__ = ["CHECKS", "LARGEST_WHOLE", "Value"]

Value = float | bool | str | int | None | tuple[float, ...] | tuple[str, ...]

LARGEST_WHOLE = 2**53
_INT64 = 2**63


def _text(value: object) -> str:
    if isinstance(value, str) and _encodable(value):
        return value
    raise ValueError("a text of Unicode characters (no lone surrogates)")


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _pattern(value: object) -> str:
    if isinstance(value, str) and value:
        return _text(value)
    raise ValueError("a text of at least one character")


def _float(value: object) -> float:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        exact = not isinstance(value, numbers.Integral) or abs(int(value)) <= LARGEST_WHOLE
        if exact and math.isfinite(value):
            return float(value)
    raise ValueError("a finite number; whole numbers up to 2^53 in size")


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def _int(value: object) -> int:
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and abs(int(value)) <= LARGEST_WHOLE:
        return int(value)
    raise ValueError("a whole number")


def _optional_int(value: object) -> int | None:
    return None if value is None else _int(value)


def _microseconds(value: object) -> int:
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and -_INT64 <= int(value) < _INT64:
        return int(value)
    raise ValueError("microseconds that fit in 64 bits")


def _buckets(value: object) -> int:
    found = _int(value)
    if 1 <= found <= 2**31:
        return found
    raise ValueError("a whole number from 1 to 2^31")


def _seed(value: object) -> int:
    found = _int(value)
    if 0 <= found < 2**32:
        return found
    raise ValueError("a whole number from 0 to 2^32 - 1")


def _values(value: object) -> tuple[float, ...] | tuple[str, ...]:
    if isinstance(value, tuple | list) and value:
        if all(isinstance(item, str) for item in value):
            return _distinct(tuple(_text(item) for item in value))
        if all(isinstance(item, numbers.Real) and not isinstance(item, bool) for item in value):
            return _distinct(tuple(_float(item) for item in value))
    raise ValueError("a list of at least one value, all texts or all finite numbers, none of them twice")


def _distinct(values: tuple[float, ...] | tuple[str, ...]) -> tuple[float, ...] | tuple[str, ...]:
    if len(set(values)) == len(values):
        return values
    raise ValueError("a list that names no value twice")


def _one_of(*names: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise ValueError(" or ".join(repr(name) for name in names))

    return check


def _zone(value: object) -> str:
    if isinstance(value, str):
        return require_zone(value)
    raise ValueError('the name of a time zone, such as "America/New_York"')


_TYPES = _one_of(*(kind.value for kind in (Type.FLOAT, Type.BOOL, Type.STRING, Type.TIMESTAMP)))

CHECKS: Mapping[str, Callable[[object], Value]] = {
    "text": _text,
    "pattern": _pattern,
    "float": _float,
    "bool": _bool,
    "int": _int,
    "int?": _optional_int,
    "microseconds": _microseconds,
    "buckets": _buckets,
    "seed": _seed,
    "values": _values,
    "zone": lru_cache(maxsize=64)(_zone),
    "type": _TYPES,
    "clock unit": _one_of("second", "minute", "hour", "day", "week", "month", "year"),
    "span unit": _one_of("second", "minute", "hour", "day"),
}
