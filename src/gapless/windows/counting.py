"""The compiled half of `time_order`: a stable counting sort by key that notices which keys are not in time order."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.jit import BITS, INT, compiled
from gapless.windows.sorting import merge_sort

__all__ = ["counting_order"]


@compiled((BITS, INT, BITS, BITS))
def counting_order(codes: Ints, size: int, event_time: Ints, known_at: Ints) -> Ints:
    """Rows sorted by (code, event_time, known_at, row); codes are in [0, size)."""
    stops = np.zeros(size + 1, np.int64)
    for row in range(len(codes)):
        stops[codes[row] + 1] += 1
    for code in range(size):
        stops[code + 1] += stops[code]
    latest, late = np.empty((size, 2), np.int64), np.zeros(size, np.bool_)
    latest[:] = -(1 << 63)
    rows = np.empty(len(codes), np.int64)
    for row in range(len(codes)):
        code, time, known = codes[row], event_time[row], known_at[row]
        rows[stops[code]] = row
        stops[code] += 1
        late[code] |= time < latest[code, 0] or (time == latest[code, 0] and known < latest[code, 1])
        latest[code, 0], latest[code, 1] = time, known
    largest = 0
    for code in range(size):
        if late[code]:
            largest = max(largest, stops[code] - (stops[code - 1] if code else 0))
    first, second, spare = np.empty(largest, np.int64), np.empty(largest, np.int64), np.empty((3, largest), np.int64)
    for code in range(size):
        if not late[code]:
            continue
        start = stops[code - 1] if code else 0
        mine = rows[start : stops[code]]
        for k in range(len(mine)):
            first[k], second[k] = event_time[mine[k]], known_at[mine[k]]
        merge_sort(first, second, mine, len(mine), spare)
    return rows
