"""Sorting events by key and time. Logs arrive nearly in time order: a counting sort by key then does nearly all."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

import numpy as np

from gapless.windows.batch import Ints

__all__ = ["time_order"]


def time_order(
    key: Ints, event_time: Ints, known_at: Ints, *, kernel: Literal["auto", "numba", "numpy"] = "auto"
) -> Ints:
    """The permutation that sorts rows by (key, event_time, known_at, position); take every column with it.

    Parameters:
        key, event_time, known_at — int64, one per row; rows stand in the order of their offsets, so position breaks
            ties as offsets would.
        kernel — "numpy" is a plain lexsort; "auto" is numba where it is installed. Both give the same permutation.

    Returns: int64 row numbers.
    Cost: O(rows + keys) for rows in time order; O(late rows * log) more for those that are not, O(rows log rows) at
        worst. Codes of keys that are sparse (a range over four times the rows) are made dense first by a sort.

    Examples:
        >>> ints = lambda *numbers: np.array(numbers, np.int64)
        >>> time_order(ints(1, 0, 1, 0), ints(5, 5, 4, 5), ints(9, 9, 9, 8)).tolist()
        [3, 1, 2, 0]
    """
    if kernel == "numpy" or (kernel == "auto" and not find_spec("numba")):
        return np.lexsort((known_at, event_time, key)).astype(np.int64)
    from gapless.windows.counting import counting_order

    codes, size = _dense(key)
    return np.asarray(counting_order(codes, size, *map(np.ascontiguousarray, (event_time, known_at))))


def _dense(key: Ints) -> tuple[Ints, int]:
    """Codes from 0 in the order of the keys, and how many there may be."""
    if len(key) == 0:
        return key, 0
    low, high = int(key.min()), int(key.max())
    if high - low <= 4 * len(key):
        return np.ascontiguousarray(key if low == 0 else key - low), high - low + 1
    names, codes = np.unique(key, return_inverse=True)
    return codes.astype(np.int64), len(names)
