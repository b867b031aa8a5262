"""Events, queries and results as columns. Arrays are borrowed, never written to.

events   key  event_time  visible_from  inputs[0].values  valid     queries  key   at     a column  values  valid
           7      100          101            1.5          True                7  150                 1.5    True
           7      100          240            0.0          False               7  300                 1.5    True
           9       80           81            2.5          True                8  300                 0.0    False
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gapless.errors import BugError

__all__ = ["Column", "Events", "Input", "Queries"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Input:
    """One input of aggregations, a value per event.

    Parameters:
        values — float64 (bools as 0.0 and 1.0; finite where valid), or int64 for what is only ever compared: codes of
            strings, instants.
        valid — False where the value is null; what `values` holds there does not matter.
    """

    values: NDArray[Any]
    valid: Bools

    def __post_init__(self) -> None:
        if self.values.dtype not in (np.float64, np.int64) or self.valid.dtype != np.bool_:
            raise BugError("an input of another type", seen=(self.values.dtype, self.valid.dtype))
        _check_columns(len(self.values), self.values, self.valid)

    @property
    def opaque(self) -> bool:
        """Whether values are only compared, never added up."""
        return bool(self.values.dtype == np.int64)


@dataclass(frozen=True)
class Events:
    """Events sorted by (key, event_time, known_at, offset); see `time_order`.

    Parameters:
        key — int64 codes.
        event_time — when it happened, int64 microseconds.
        visible_from — the first instant that may use it: max(event_time + 1, known_at).
        inputs — what is aggregated.
    """

    key: Ints
    event_time: Ints
    visible_from: Ints
    inputs: tuple[Input, ...] = ()

    def __post_init__(self) -> None:
        values = [each.values for each in self.inputs]
        _check_int64(self.key, self.event_time, self.visible_from)
        _check_columns(len(self.key), self.event_time, self.visible_from, *values)

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True)
class Queries:
    """Which entity, as of when; sorted by (key, at). A key without events reads as an empty window."""

    key: Ints
    at: Ints

    def __post_init__(self) -> None:
        _check_int64(self.key, self.at)
        _check_columns(len(self.key), self.at)

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True)
class Column:
    """One result per query: float64, int64 for the opaque, or bool; zero where `valid` is False."""

    values: NDArray[Any]
    valid: Bools


def _check_int64(*columns: NDArray[Any]) -> None:
    if any(column.dtype != np.int64 for column in columns):
        raise BugError("keys and times are int64", seen=[str(column.dtype) for column in columns])


def _check_columns(length: int, *columns: NDArray[Any]) -> None:
    if any(column.shape != (length,) for column in columns):
        raise BugError("columns of different lengths", seen=[length, *(column.shape for column in columns)])
