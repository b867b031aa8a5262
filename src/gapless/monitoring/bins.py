"""Bins of floats that are the same everywhere and for ever: the sign, the exponent and seven more bits of a number.

So the counts of any two columns can be added and compared, whatever their data. 128 bins double the number; zero is a
bin, and so is every whole number up to 255.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["MANTISSA_BITS", "bins_of", "edge"]

MANTISSA_BITS = 7
_SHIFT = 52 - MANTISSA_BITS
_MAGNITUDE = np.int64((1 << 63) - 1)

Ints = npt.NDArray[np.int64]


def bins_of(values: npt.NDArray[np.float64]) -> Ints:
    """[n] the bin of each finite number; larger numbers have larger bins, the two zeros are one.

    Examples:
        >>> bins_of(np.array([0.0, -0.0, 1.0, 1.007, 1.008, -1.0])).tolist()
        [0, 0, 130944, 130944, 130945, -130945]
    """
    bits = (values + 0.0).view(np.int64)
    magnitude = (bits & _MAGNITUDE) >> np.int64(_SHIFT)
    return np.where(bits < 0, -magnitude - 1, magnitude)


def edge(number: int) -> float:
    """The number of a bin that is nearest to zero; all others of it are less than 1/128 of it further out.

    Examples:
        >>> [edge(one) for one in bins_of(np.array([0.0, 3.0, -255.0, 256.5])).tolist()]
        [0.0, 3.0, -255.0, 256.0]
    """
    magnitude = number if number >= 0 else -number - 1
    value = float(np.array(magnitude << _SHIFT, np.int64).view(np.float64))
    return value if number >= 0 else 0.0 - value
