"""The oracle: every aggregation in a few lines of plain Python over a list of values. Slow, and meant to be read.

It shares no arithmetic with the kernels or with the tiles: exactness comes from `math.fsum` and from fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

__all__ = ["naive"]


def _rounded(number: Fraction) -> float | None:
    try:
        return float(number)
    except OverflowError:
        return None


def _sum(values: Sequence[float]) -> float | None:
    try:
        return math.fsum(values) + 0.0
    except OverflowError:  # fsum gives up where a partial sum overflows; the sum itself may not
        return _rounded(sum(map(Fraction, values), Fraction(0)))


def _mean(values: Sequence[float]) -> float | None:
    total = _sum(values)
    return None if total is None else total / len(values)


def _var(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    n, exact = len(values), [Fraction(value) for value in values]
    numerator = _rounded(n * sum((x * x for x in exact), Fraction(0)) - sum(exact, Fraction(0)) ** 2)
    return None if numerator is None else numerator / (n * (n - 1))


def _std(values: Sequence[float]) -> float | None:
    variance = _var(values)
    return None if variance is None else math.sqrt(variance)


def _rank(value: float) -> tuple[float, float]:
    return value, math.copysign(1.0, value)


def _min(values: Sequence[float]) -> float:
    return min(values, key=_rank)


def _max(values: Sequence[float]) -> float:
    return max(values, key=_rank)


_OF_SOME: dict[str, Callable[[Any], Any]] = {
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "std": _std,
    "min": _min,
    "max": _max,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "any": lambda values: any(value != 0 for value in values),
    "all": lambda values: all(value != 0 for value in values),
}


def naive(function: str, values: Iterable[Any], *, n: int = 1) -> tuple[Any, ...]:
    """The value of an aggregation over the values in its window, in the order of events, None for null.

    A tuple of one, or of n for last_n.

    Examples:
        >>> naive("sum", [1e16, None, 1.0, -1e16]), naive("mean", [])
        ((1.0,), (None,))
        >>> naive("last_n", [1.0, 2.0, 3.0], n=2)
        (3.0, 2.0)
    """
    known = [value for value in values if value is not None]
    if function == "count":
        return (float(len(known)),)
    if function == "n_unique":
        return (float(len(set(known))),)
    if function == "last_n":
        return tuple([*known[::-1], *[None] * n][:n])
    return (_OF_SOME[function](known) if known else None,)
