"""The exact sums of a whole column, in compiled code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gapless.windows.jit import BITS, OUT, compiled, types
from gapless.windows.limbs import SQUARE_LIMBS, SUM_LIMBS, add, add_square

__all__ = ["totals"]

_AT_ONCE = 1 << 29
"""Numbers that limbs take without losing a carry, with room."""


def totals(values: npt.NDArray[np.float64]) -> tuple[int, int]:
    """(sum * 2^1074, sum of squares * 2^2148) without error, as `windows.exact` takes them.

    Parameters:
        values — [n] finite.

    Examples:
        >>> from gapless.windows.exact import rounded_sum, rounded_square
        >>> total, squares = totals(np.array([1e16, 1.0, -1e16, 3.0]))
        >>> rounded_sum(total), rounded_square(squares)
        (4.0, 2e+32)
    """
    total = squares = 0
    bits = np.ascontiguousarray(values, np.float64).view(np.int64)
    for start in range(0, len(bits), _AT_ONCE):
        sums, quads = np.zeros((1, SUM_LIMBS), np.int64), np.zeros((1, SQUARE_LIMBS), np.int64)
        _add_all(bits[start : start + _AT_ONCE], sums, quads)
        total += _whole(sums[0])
        squares += _whole(quads[0])
    return total, squares


def _whole(limbs: npt.NDArray[np.int64]) -> int:
    return sum(limb << (32 * place) for place, limb in enumerate(limbs.tolist()) if limb)


@compiled(types.void(BITS, OUT, OUT))
def _add_all(bits, sums, quads):  # type: ignore[no-untyped-def]
    for i in range(len(bits)):
        add(sums, 0, bits[i])
        add_square(quads, 0, bits[i])
