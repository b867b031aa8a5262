"""Counts, and exact moments of small integers times a power of two: delays in minutes, bools, quarters of a dollar.

Such values are int64 arithmetic: with |value| < 2^b * 2^s and fewer than 2^l events to a key, no sum passes 2^(b + l)
and no numerator of a variance 2^(2(b + l)) in units of 2^s. Where these stay below 2^62 nothing is lost, and the one
rounding is the conversion to float64. `limits` decides for a whole column; `wide.py` does what does not fit.
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Floats, Ints
from gapless.windows.groups import TIMELINE, Timeline, lower_bound, order_buffer, visible_order
from gapless.windows.jit import BITS, BOOLS, FLAG, FLOATS, INT, OUT_FLOATS, REAL, compiled, inlined, types

__all__ = ["bit_span", "small_moments"]

_FRACTION = (1 << 52) - 1
_PAIR = types.Tuple((INT, INT))


@compiled(_PAIR(BITS, BOOLS))
def bit_span(bits: Ints, valid: Bools) -> tuple[int, int]:
    """The lowest and highest bit of the valid floats, counted from 2^-1074; stops where they are over 62 apart."""
    low, high = 4096, 0
    for i in range(len(bits)):
        magnitude = bits[i] & ((1 << 63) - 1)
        if not valid[i] or magnitude == 0:
            continue
        field = magnitude >> 52
        mantissa = magnitude & _FRACTION
        if field > 0:
            mantissa |= _FRACTION + 1
            field -= 1
        trailing = (np.float64(mantissa & -mantissa).view(np.int64) >> 52) - 1023
        length = (np.float64(mantissa).view(np.int64) >> 52) - 1022
        low, high = min(low, field + trailing), max(high, field + length)
        if high - low > 62:
            break
    return low, high


@inlined
def _whole(values: Floats, i: int, scale: float, want_true: bool, want_moments: bool) -> int:
    """The value in units of the scale; its truth where that is all that is wanted, and 1 where only events count."""
    if want_moments:
        return np.int64(values[i] * scale)  # type: ignore[return-value]
    return np.int64(values[i] != 0) if want_true else np.int64(1)  # type: ignore[return-value]


@inlined
def _tally(moments: Ints, row: int, value: int) -> None:
    moments[row, 0] += 1
    moments[row, 1] += value != 0
    moments[row, 2] += value
    moments[row, 3] += value * value


@compiled(types.void(TIMELINE, FLOATS, BOOLS, REAL, FLAG, FLAG, FLAG, OUT_FLOATS, OUT_FLOATS, OUT_FLOATS, OUT_FLOATS))
def small_moments(
    line: Timeline,
    values: Floats,
    valid: Bools,
    scale: float,
    all_valid: bool,
    want_true: bool,
    want_moments: bool,
    count: Floats,
    true: Floats,
    total: Floats,
    numerator: Floats,
) -> None:
    """Fill count, true, total and numerator [window, query]; `scale` makes the values whole.

    The last row of `moments` holds what has become visible, row w what of it lies before window w: the window is the
    difference. Both only grow, so one pass serves all windows, and a row that becomes visible late enters both at once
    where its time has already left the window.
    """
    event_start, event_stop, query_start, query_stop, event_time, visible_from, at, width, hop = line
    windows = len(width)
    buffer = order_buffer(line)
    order = buffer[0]
    lower, moments = np.empty(windows, np.int64), np.empty((windows + 1, 4), np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, buffer)
        lower[:], moments[:] = start, 0
        seen = start
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < stop:
                i = order[seen - start] if late else seen
                if visible_from[i] > now:
                    break
                seen += 1
                if all_valid or valid[i]:
                    value = _whole(values, i, scale, want_true, want_moments)
                    _tally(moments, windows, value)
                    for w in range(windows):
                        if i < lower[w]:
                            _tally(moments, w, value)
            for w in range(windows):
                edge = lower_bound(now, width[w], hop[w])
                i = lower[w]
                while i < stop and event_time[i] < edge:
                    if visible_from[i] <= now and (all_valid or valid[i]):
                        _tally(moments, w, _whole(values, i, scale, want_true, want_moments))
                    i += 1
                lower[w] = i
                inside = moments[windows, 0] - moments[w, 0]
                count[w, q] = inside
                if want_true:
                    true[w, q] = moments[windows, 1] - moments[w, 1]
                if want_moments:
                    rest = moments[windows, 2] - moments[w, 2]
                    total[w, q] = rest
                    numerator[w, q] = inside * (moments[windows, 3] - moments[w, 3]) - rest * rest
