"""Floats as integers, so that sums have no error until the one rounding at the end.

Every finite float64 is a whole multiple of 2^-1074, every square of one a whole multiple of 2^-2148. Adding such
integers is associative, commutative and has an inverse, whatever the magnitudes. Python's division of integers rounds
once, to nearest, ties to even, subnormals included: what `math.fsum` promises. The kernel holds the same integers in
32-bit limbs.

References: [1] R. M. Neal, Fast exact summation using small and large superaccumulators, arXiv:1505.05571, 2015.
"""

from __future__ import annotations

from math import sqrt

__all__ = ["mean_of", "rounded_square", "rounded_sum", "scaled", "std_of", "variance_of"]

SCALE = 1074
_UNIT = 1 << SCALE
_SQUARE_UNIT = 1 << (2 * SCALE)


def scaled(value: float) -> int:
    """The integer k with value = k * 2^-1074.

    Examples:
        >>> scaled(5e-324), scaled(1.0) == 2**1074, scaled(-0.0)
        (1, True, 0)
    """
    numerator, denominator = value.as_integer_ratio()
    return numerator << (SCALE + 1 - denominator.bit_length())


def rounded_sum(total: int) -> float | None:
    """The float nearest to total * 2^-1074; None beyond the largest float.

    Examples:
        >>> rounded_sum(scaled(1e16) + scaled(1.0) - scaled(1e16))
        1.0
        >>> rounded_sum(2 * scaled(1.7e308)) is None
        True
    """
    return _ratio(total, _UNIT)


def rounded_square(total: int) -> float | None:
    """The float nearest to total * 2^-2148; None beyond the largest float."""
    return _ratio(total, _SQUARE_UNIT)


def _ratio(numerator: int, denominator: int) -> float | None:
    try:
        return numerator / denominator
    except OverflowError:
        return None


def mean_of(count: int, total: int) -> float | None:
    """The rounded sum over the count; None for no values, or where the sum overflows."""
    top = rounded_sum(total) if count else None
    return None if top is None else top / count


def variance_of(count: int, total: int, squares: int) -> float | None:
    """The sample variance: (n * sum of squares - square of the sum), exact and rounded once, over n * (n - 1).

    None below two values, or where that numerator overflows.

    Examples:
        >>> variance_of(3, scaled(6.0), scaled(1.0)**2 + scaled(2.0)**2 + scaled(3.0)**2)
        1.0
    """
    top = rounded_square(count * squares - total * total) if count > 1 else None
    return None if top is None else top / (count * (count - 1))


def std_of(count: int, total: int, squares: int) -> float | None:
    """The square root of `variance_of`."""
    variance = variance_of(count, total, squares)
    return None if variance is None else sqrt(variance)
