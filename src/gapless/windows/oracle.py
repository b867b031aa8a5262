"""The naive kernel: for every query, a list of the events it may see, and the naive oracle over their values."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gapless.windows.batch import Column, Events, Input, Queries
from gapless.windows.functions import FUNCTIONS
from gapless.windows.naive import naive
from gapless.windows.window import Spec, Window

__all__ = ["run"]


def run(events: Events, queries: Queries, specs: Sequence[Spec]) -> list[tuple[Column, ...]]:
    """See `aggregate`. Cost: O(queries * events of the key) Python steps."""
    inputs = [_values(each) for each in events.inputs]
    seen = {window: list(_seen(events, queries, window)) for window in dict.fromkeys(spec.window for spec in specs)}
    return [_columns(events, spec, inputs, seen[spec.window]) for spec in specs]


def _values(each: Input) -> list[Any]:
    return [value if valid else None for value, valid in zip(each.values.tolist(), each.valid.tolist(), strict=True)]


def _seen(events: Events, queries: Queries, window: Window) -> Iterator[list[int]]:
    keys, times, visible = events.key.tolist(), events.event_time.tolist(), events.visible_from.tolist()
    for key, at in zip(queries.key.tolist(), queries.at.tolist(), strict=True):
        lower = window.lower(at)
        group = range(bisect_left(keys, key), bisect_right(keys, key))
        yield [i for i in group if times[i] >= lower and visible[i] <= at]


def _columns(events: Events, spec: Spec, inputs: list[list[Any]], seen: list[list[int]]) -> tuple[Column, ...]:
    values = [1.0] * len(events) if spec.input is None else inputs[spec.input]
    rows = [naive(spec.function, [values[i] for i in query], n=spec.n) for query in seen]
    dtype = _dtype(spec, events.inputs)
    return tuple(_column([row[place] for row in rows], dtype) for place in range(spec.width))


def _dtype(spec: Spec, inputs: tuple[Input, ...]) -> type[Any]:
    result = FUNCTIONS[spec.function].result
    opaque = result == "same" and spec.input is not None and inputs[spec.input].opaque
    return np.bool_ if result == "bool" else np.int64 if opaque else np.float64


def _column(values: list[Any], dtype: type[Any]) -> Column:
    filled = np.array([0 if value is None else value for value in values], dtype)
    return Column(filled, np.array([value is not None for value in values], np.bool_))
