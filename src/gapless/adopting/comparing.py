"""Values of pandas beside values of gapless, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gapless.adopting.report import Compared
from gapless.arrow import to_numpy
from gapless.schema import Type

__all__ = ["compare", "same_values"]

_FAR = 2.0**40
"""Units in the last place from which a difference is no rounding of any kind."""

Flags = npt.NDArray[np.bool_]


def compare(
    theirs: Any, ours: pa.Array, kind: Type, probes: int, max_ulp: int, shown: Callable[[int], str]
) -> Compared:
    """How one column by pandas and the same by gapless differ.

    Parameters: probes — so many rows at the end are no rows of the sample; max_ulp — up to so many units in the last
    place it is rounding; shown — the inputs of a row, for people.
    """
    rows = len(ours) - probes
    if kind is not Type.FLOAT:
        different = _different_values(theirs, ours, kind)
        return Compared(rows, probes, int(different.sum()), _first(different, theirs, ours, shown))
    return _compare_numbers(theirs, ours, probes, max_ulp, shown)


def _compare_numbers(theirs: Any, ours: pa.Array, probes: int, max_ulp: int, shown: Callable[[int], str]) -> Compared:
    left, strange = _floats(theirs)
    right, valid = to_numpy(ours)
    right = right.astype(np.float64)
    infinite = np.isinf(left)
    there = ~np.isnan(left) & ~infinite & ~strange
    units = _units_between(np.where(there, left, 0.0), np.where(valid, right, 0.0))
    unlike = strange | (there != valid)
    different = unlike | (there & valid & (units > max_ulp))
    rounded = there & valid & (units > 0) & (units <= max_ulp)
    worst = units[there & valid].max(initial=0)
    zeros = there & valid & (left == 0.0) & (right == 0.0) & (np.signbit(left) != np.signbit(right))
    return Compared(
        rows=len(ours) - probes,
        probes=probes,
        different=int(different.sum()),
        first_different=_first(different, theirs, ours, shown),
        rounded=int(rounded.sum()),
        worst_ulp=int(worst) if worst < _FAR and not unlike.any() else 0,
        infinite=int((infinite & ~valid).sum()),
        signed_zeros=int((zeros & _has_signs(theirs)).sum()),
    )


def _has_signs(values: Any) -> bool:
    return values.dtype.kind not in "iub"


def _floats(values: Any) -> tuple[npt.NDArray[np.float64], Flags]:
    """As numbers, NaN where missing, and where there is something that is none."""
    if values.dtype.kind in "iufb":
        return values.to_numpy(dtype=np.float64), np.zeros(len(values), np.bool_)
    plain = values.astype(object)
    numeric = np.array([isinstance(v, int | float | np.number | np.bool_) for v in plain], np.bool_)
    missing = plain.isna().to_numpy()
    made = np.array([float(v) if ok else np.nan for v, ok in zip(plain, numeric & ~missing, strict=True)])
    return made, ~numeric & ~missing


def _units_between(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many floats lie between, as floats: the count itself may not fit 64 bits."""
    return np.where(x == y, 0.0, np.maximum(_distance(x, y), 1.0))


def _ordered(x: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    bits = (x + 0.0).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _distance(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    left, right = _ordered(x), _ordered(y)
    far = (left < 0) != (right < 0)
    near = np.abs(left - np.where(far, left, right)).astype(np.float64)
    return np.where(far, np.abs(left.astype(np.float64)) + np.abs(right.astype(np.float64)), near)


def _different_values(theirs: Any, ours: pa.Array, kind: Type) -> Flags:
    if kind is Type.TIMESTAMP:
        if theirs.dtype.kind != "M":
            return np.ones(len(ours), np.bool_)
        moments = pd.to_datetime(theirs, utc=True).dt.as_unit("us")
        left = [None if pd.isna(v) else v.value // 1000 for v in moments]
        return _unequal(left, ours.cast(pa.int64()).to_pylist())
    plain = theirs.astype(object)
    return _unequal([None if pd.isna(v) else v for v in plain], ours.to_pylist())


def _unequal(left: list[Any], right: list[Any]) -> Flags:
    return np.array([not _equal(x, y) for x, y in zip(left, right, strict=True)], np.bool_)


def _equal(x: Any, y: Any) -> bool:
    """A bool is itself or, in a column that became numbers, 1 and 0."""
    if isinstance(y, bool):
        return isinstance(x, bool | int | float | np.bool_ | np.number) and bool(x == y)
    return x is y if x is None or y is None else bool(x == y)


def _first(different: Flags, theirs: Any, ours: pa.Array, shown: Callable[[int], str]) -> str | None:
    if not different.any():
        return None
    at = int(np.argmax(different))
    value = ours[at].as_py()
    return f"pandas {_shown(theirs.iloc[at])}, gapless {_shown(value)} where {shown(at)}"


def _shown(value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    return "null" if plain is None or plain != plain else repr(plain)


def same_values(one: Any, other: Any) -> bool:
    """Whether two columns of pandas hold the same."""
    left, right = one.reset_index(drop=True), other.reset_index(drop=True)
    if len(left) != len(right):
        return False
    nothing = left.isna() & right.isna()
    return bool((nothing | (left.astype(object) == right.astype(object))).all())
