"""Counts, and exact moments of values that are small integers times one power of two: delays in minutes, bools, quarters of a dollar.

Such values are int64 arithmetic: with |value| < 2^b * 2^s and fewer than 2^l events to a key, no sum passes 2^(b + l) and no numerator of a variance
2^(2(b + l)) in units of 2^s. Where these stay below 2^62 nothing is lost, and the one rounding is the conversion to float64. `limits` decides
for a whole column; `wide.py` does what does not fit.
"""

from __future__ import annotations

import numpy as np
from numba import types

from gapless.windows.groups import lower_bound, order_buffer, spare_buffers, visible_order
from gapless.windows.jit import BITS, BOOLS, FLAG, FLOATS, INT, OUT_FLOATS, REAL, compiled

__all__ = ["bit_span", "small_moments"]

_FRACTION = (1 << 52) - 1


@compiled(types.UniTuple(INT, 2)(BITS, BOOLS))
def bit_span(bits, valid):
    """The lowest and the highest bit set in any valid float, counted from 2^-1074; stops where they are 63 or more apart."""
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


@compiled(
    types.void(
        *[BITS] * 4, *[BITS] * 5, FLOATS, BOOLS, REAL, FLAG, FLAG, FLAG, OUT_FLOATS, OUT_FLOATS, OUT_FLOATS, OUT_FLOATS
    )
)
def small_moments(
    event_start, event_stop, query_start, query_stop,
    event_time, visible_from, at, width, hop,
    values, valid, scale, all_valid, want_true, want_moments,
    count, true, total, numerator,
):  # fmt: skip
    """Fill count, true, total and numerator [window, query]; `scale` makes the values whole.

    `visible` holds what has become visible so far, `gone[w]` what of it lies before window w: the window is the difference. Both only grow, so one
    pass serves all windows, and a row that becomes visible late enters both at once where its time has already left the window.
    """
    windows = len(width)
    order = order_buffer(visible_from, event_start, event_stop)
    times, spare = spare_buffers(order)
    lower, gone = np.empty(windows, np.int64), np.empty((windows, 4), np.int64)
    bound, until = np.empty(windows, np.int64), np.empty(windows, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, order, times, spare)
        lower[:], gone[:], until[:] = start, 0, -(1 << 63)
        n = trues = sums = squares = 0
        seen, size = 0, stop - start
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < size:
                i = order[seen] if late else start + seen
                if visible_from[i] > now:
                    break
                seen += 1
                if all_valid or valid[i]:
                    value = 1
                    if want_moments:
                        value = np.int64(values[i] * scale)
                    elif want_true:
                        value = np.int64(values[i] != 0)
                    n += 1
                    trues += value != 0
                    sums += value
                    squares += value * value
                    for w in range(windows):
                        if i < lower[w]:
                            gone[w, 0] += 1
                            gone[w, 1] += value != 0
                            gone[w, 2] += value
                            gone[w, 3] += value * value
            for w in range(windows):
                if width[w] >= 0:
                    if now >= until[w]:
                        bound[w] = lower_bound(now, width[w], hop[w])
                        until[w] = bound[w] + width[w] + hop[w]
                    i = lower[w]
                    while i < stop and event_time[i] < bound[w]:
                        if visible_from[i] <= now and (all_valid or valid[i]):
                            value = 1
                            if want_moments:
                                value = np.int64(values[i] * scale)
                            elif want_true:
                                value = np.int64(values[i] != 0)
                            gone[w, 0] += 1
                            gone[w, 1] += value != 0
                            gone[w, 2] += value
                            gone[w, 3] += value * value
                        i += 1
                    lower[w] = i
                inside = n - gone[w, 0]
                count[w, q] = inside
                if want_true:
                    true[w, q] = trues - gone[w, 1]
                if want_moments:
                    rest = sums - gone[w, 2]
                    total[w, q] = rest
                    numerator[w, q] = inside * (squares - gone[w, 3]) - rest * rest
