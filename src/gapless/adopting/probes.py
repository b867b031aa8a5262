"""Rows made from those of the sample to part a wrong translation from pandas: seeded, so that they come again."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from gapless.adopting.samples import Sample
from gapless.expr import Expr
from gapless.expr.nodes import postorder
from gapless.schema import Type

__all__ = ["limits_of", "probed"]

_FLOATS = (0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, -0.3, 1e-9, -1e-9, 100.0, 1e6, -1e6, 1e12, -1e12)
_WHOLE = (0, 1, -1, 2, 3, 7, 10, 100, -100, 10**6, -(10**6), 10**9)
_TEXTS = ("", " ", "a", "A", "  padded ", "0", "1.5", "null", "x-y|z")
_MOMENTS = (
    "1969-12-31 23:59:59.999999", "1970-01-01", "2000-02-29 12:00", "2012-12-31 23:59:59", "2013-01-01",
    "2013-03-10 06:59:59", "2013-03-10 07:30", "2013-11-03 05:30", "2013-11-03 06:30", "2024-02-29",
    "2038-01-19 03:14:08",
)  # fmt: skip

_SAID = ("value", "text", "old")
"""Parameters of operations that a value of a column can meet."""


def limits_of(exprs: Iterable[Expr]) -> tuple[Sequence[float], Sequence[str]]:
    """The numbers and texts that the expressions name: values at, above and below each part them best."""
    numbers: set[float] = set()
    texts: set[str] = set()
    for node in postorder(*exprs):
        for name, value in node.params:
            for one in value if isinstance(value, tuple) else (value,) if name in _SAID else ():
                if isinstance(one, str):
                    texts.add(one)
                elif isinstance(one, float) and node.type is not Type.TIMESTAMP:
                    numbers.add(one)
    return sorted(numbers), sorted(texts)


def probed(
    sample: Sample,
    rows: int,
    limits: tuple[Sequence[float], Sequence[str]],
    *,
    seed: int,
    nulls: bool,
    own: bool = False,
    kept: Collection[str] = (),
) -> Any:
    """So many rows of the sample with a third of their cells replaced.

    Parameters:
        nulls — whether cells are emptied too.
        own — texts and whole numbers are the sample's.
        kept — columns that stay as they are.

    Whole numbers and bools stay without nulls, which pandas cannot hold in them; texts stay ASCII where the sample's
    are, for gapless folds the case of A-Z only.
    """
    rng = np.random.default_rng(seed)
    frame = sample.frame.iloc[rng.integers(0, len(sample.frame), rows)].reset_index(drop=True)
    for name, described in sample.columns.items():
        if described.type is not None and name not in kept:
            made = _candidates(frame[name], described.type, limits, rng)
            if own and described.type in (Type.STRING, Type.INT):
                made = list(sample.frame[name].unique()[:1000])
            frame[name] = _changed(frame[name], made if nulls else [v for v in made if not pd.isna(v)], rng)
    return frame


def _changed(values: Any, made: list[Any], rng: Any) -> Any:
    if not len(made):
        return values
    chosen = pd.Series([made[i] for i in rng.integers(0, len(made), len(values))], index=values.index)
    # A row then has some cells that are as the sample has them.
    return _typed(values.astype(object).where(rng.random(len(values)) > 0.34, chosen.astype(object)), values)


def _typed(changed: Any, like: Any) -> Any:
    return changed.astype(like.dtype) if changed.dtype != like.dtype else changed


def _candidates(values: Any, kind: Type, limits: tuple[Sequence[float], Sequence[str]], rng: Any) -> list[Any]:
    own = [values.iloc[i] for i in rng.integers(0, len(values), 20)]
    if kind is Type.FLOAT:
        return _floats(own, limits[0])
    if kind is Type.INT:
        return _whole(own, limits[0], values.dtype)
    if kind is Type.BOOL:
        return [True, False] if values.dtype.kind == "b" else [True, False, None]
    if kind is Type.STRING:
        return _texts(own, limits[1])
    return _moments(own, values)


def _nulls(made: list[Any], nothing: Any) -> list[Any]:
    """So many that every fifth cell which is changed is emptied."""
    return [nothing] * (1 + len(made) // 4)


def _floats(own: list[Any], limits: Sequence[float]) -> list[Any]:
    there = [float(v) for v in own if v == v and not math.isinf(v)]
    near = [x for v in limits if v for x in (v, -v, math.nextafter(v, math.inf), math.nextafter(v, -math.inf))]
    made = [*_FLOATS, *near, *(-v for v in there), *(math.floor(v) + 0.5 for v in there)]
    return [*_nulls(made, math.nan), *(v + 0.0 for v in made)]  # no -0.0: nothing in gapless tells it from 0.0


def _whole(own: list[Any], limits: Sequence[float], dtype: Any) -> list[Any]:
    info = np.iinfo(dtype)
    near = [int(v) + d for v in limits if abs(v) < 2**53 for d in (-1, 0, 1)]
    return [v for v in [*_WHOLE, *near, *(-int(v) for v in own)] if info.min <= v <= info.max]


def _texts(own: list[Any], limits: Sequence[str]) -> list[Any]:
    there = [v for v in own if isinstance(v, str)]
    parts = [x for v in limits for x in (v, v.lower(), v.upper(), f"{v} ", f"x{v}", v[:-1])]
    cased = [x for v in there for x in (v.swapcase(), f" {v}", v[1:], v + v)]
    made = [*_TEXTS, *parts, *cased]
    return [*_nulls(made, None), *made]


def _moments(own: list[Any], values: Any) -> list[Any]:
    there = [v for v in own if not pd.isna(v)]
    fixed = [pd.Timestamp(text).tz_localize(values.dt.tz if values.dt.tz is None else "UTC") for text in _MOMENTS]
    fixed = [moment if values.dt.tz is None else moment.tz_convert(values.dt.tz) for moment in fixed]
    moved = [v + d for v in there for d in (timedelta(days=1), -timedelta(hours=1), timedelta(microseconds=1))]
    made = [*fixed, *moved, *(v.normalize() for v in there)]
    return [*_nulls(made, pd.NaT), *made]
