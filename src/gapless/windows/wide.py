"""Exact moments of any floats: the sweep of `small.py`, over limbs."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Floats, Ints
from gapless.windows.groups import TIMELINE, Timeline, lower_bound, order_buffer, visible_order
from gapless.windows.jit import BITS, BOOLS, FLAG, OUT, OUT_FLOATS, compiled, inlined, types
from gapless.windows.limbs import (
    OVERFLOW,
    SQUARE_LIMBS,
    SUM_LIMBS,
    add,
    add_square,
    limb_of,
    numerator,
    rounded,
    settle,
)

__all__ = ["wide_moments"]

_SIGN = -(1 << 63)


@inlined
def _deposit(count: Ints, sums: Ints, squares: Ints, row: int, bits: int, want_squares: bool) -> None:
    count[row] += 1
    add(sums, row, bits)
    if want_squares:
        add_square(squares, row, bits)


@inlined
def _total(sums: Ints, w: int, low: int, high: int, digits: Ints) -> int:
    """The bits of the sum in window w, and its digits."""
    negative = settle(sums, len(sums) - 1, w, low, high, digits)
    magnitude = rounded(digits, low, high + 2, 0)
    return int(magnitude | _SIGN if negative and magnitude != OVERFLOW else magnitude)


@inlined
def _numerator(
    squares: Ints, w: int, low: int, high: int, count: int, digits: Ints, square_digits: Ints, product: Ints
) -> int:
    """The bits of count * squares - sum^2 in window w; `digits` are those of the sum."""
    square_low, square_high = 2 * low, 2 * high + 1
    settle(squares, len(squares) - 1, w, square_low, square_high, square_digits)
    first, last = numerator(count, digits, low, high + 2, square_digits, square_low, square_high + 2, product)
    return int(rounded(product, first, last, 1074))


@compiled(types.void(TIMELINE, BITS, BOOLS, FLAG, OUT_FLOATS, OUT, OUT))
def wide_moments(
    line: Timeline,
    bits: Ints,
    valid: Bools,
    want_squares: bool,
    count: Floats,
    total: Ints,
    numerators: Ints,
) -> None:
    """Fill count, the bits of total and of the numerator of the variance [window, query].

    The last row of the limbs holds what is visible, row w what of it has left window w. OVERFLOW stands for a number
    beyond the largest float.
    """
    event_start, event_stop, query_start, query_stop, event_time, visible_from, at, width, hop = line
    windows = len(width)
    buffer = order_buffer(line)
    order = buffer[0]
    lower, seen_count = np.empty(windows, np.int64), np.empty(windows + 1, np.int64)
    sums = np.zeros((windows + 1, SUM_LIMBS), np.int64)
    squares = np.zeros((windows + 1, SQUARE_LIMBS if want_squares else 0), np.int64)
    digits, product = np.zeros(SUM_LIMBS, np.int64), np.zeros(SQUARE_LIMBS, np.int64)
    square_digits = np.zeros(SQUARE_LIMBS, np.int64)
    for g in range(len(event_start)):
        start, stop = event_start[g], event_stop[g]
        late = visible_order(visible_from, start, stop, buffer)
        lower[:], seen_count[:] = start, 0
        low, high = SUM_LIMBS, -1
        seen = start
        for q in range(query_start[g], query_stop[g]):
            now = at[q]
            while seen < stop:
                i = order[seen - start] if late else seen
                if visible_from[i] > now:
                    break
                seen += 1
                if valid[i]:
                    value = bits[i]
                    if value << 1:  # a zero touches no limb
                        low, high = min(low, limb_of(value)), max(high, limb_of(value) + 2)
                    _deposit(seen_count, sums, squares, windows, value, want_squares)
                    for w in range(windows):
                        if i < lower[w]:
                            _deposit(seen_count, sums, squares, w, value, want_squares)
            for w in range(windows):
                edge = lower_bound(now, width[w], hop[w])
                i = lower[w]
                while i < stop and event_time[i] < edge:
                    if visible_from[i] <= now and valid[i]:
                        _deposit(seen_count, sums, squares, w, bits[i], want_squares)
                    i += 1
                lower[w] = i
                inside = seen_count[windows] - seen_count[w]
                count[w, q] = inside
                if inside == 0:
                    continue
                total[w, q] = _total(sums, w, low, high, digits)
                if want_squares:
                    numerators[w, q] = _numerator(squares, w, low, high, inside, digits, square_digits, product)
        if high >= 0:
            sums[:, low : high + 3] = 0
            if want_squares:
                squares[:, 2 * low : 2 * high + 4] = 0
