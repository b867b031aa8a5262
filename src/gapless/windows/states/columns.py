"""Events as states take them: like `windows.batch`, with the whole order of an event and with texts.

key  event_time  known_at  offset   inputs[0].values  valid     texts
  0      100        100       4            1            True    ["AA", "UA"]      a text input holds codes into texts
  0      100        130       2            0            False
  2       80         80       0            0            True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gapless.errors import BugError
from gapless.windows.batch import Bools, Ints

__all__ = ["StateEvents", "StateInput"]

_FAR = 2**62


@dataclass(frozen=True)
class StateInput:
    """One input, a value per event.

    Parameters:
        values — float64 (bools as 0.0 and 1.0; finite where valid), or int64: instants, or codes into `texts`.
        valid — False where the value is null; what `values` holds there does not matter.
        texts — for a text input: the strings that codes stand for, as an Arrow or NumPy array or any sequence.
    """

    values: NDArray[Any]
    valid: Bools
    texts: Sequence[str] | Any = None

    def __post_init__(self) -> None:
        if self.values.dtype not in (np.float64, np.int64) or self.valid.dtype != np.bool_:
            raise BugError("an input of another type", seen=(self.values.dtype, self.valid.dtype))


@dataclass(frozen=True)
class StateEvents:
    """Events sorted by (key, event_time, known_at, offset); no two of a key share all of it. Arrays are borrowed.

    Parameters:
        key — int64 codes 0 .. keys - 1.
        event_time, known_at — int64 microseconds, less than 2^62 away from 1970.
        offset — int64, the place in the log.
        inputs — what is aggregated, one entry per kind of the plan.
    """

    key: Ints
    event_time: Ints
    known_at: Ints
    offset: Ints
    inputs: tuple[StateInput, ...] = ()

    def __post_init__(self) -> None:
        columns = (self.key, self.event_time, self.known_at, self.offset)
        if any(column.dtype != np.int64 for column in columns):
            raise BugError("keys, times and offsets are int64", seen=[str(column.dtype) for column in columns])
        lengths = {len(each) for pair in self.inputs for each in (pair.values, pair.valid)} | {*map(len, columns)}
        if len(lengths) > 1:
            raise BugError("columns of different lengths", seen=sorted(lengths))
        if len(self) and not -_FAR < self.event_time.min() <= self.event_time.max() < _FAR:
            raise BugError("an event time that no calendar has", seen=(self.event_time.min(), self.event_time.max()))

    def __len__(self) -> int:
        return len(self.key)
