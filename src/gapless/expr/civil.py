"""Calendar arithmetic on whole numbers, after Howard Hinnant's days_from_civil.

Only + - * // % and comparisons, without branches: the same lines serve Python ints and NumPy int64 arrays, for any
year.

References: [1] H. Hinnant, chrono-compatible low-level date algorithms, 2013.
"""

from __future__ import annotations

from typing import Any

__all__ = ["date_of_days", "day_of_year", "days_of_date", "iso_week", "weekday"]

Whole = Any  # an int, or an int64 array
_DAYS_PER_ERA = 146_097  # of 400 years
_EPOCH_SHIFT = 719_468  # days from 0000-03-01 to 1970-01-01


def date_of_days(days: Whole) -> tuple[Whole, Whole, Whole]:
    """Year, month, day of a count of days since 1970-01-01.

    Examples:
        >>> date_of_days(0), date_of_days(-1), date_of_days(16071)
        ((1970, 1, 1), (1969, 12, 31), (2014, 1, 1))
    """
    z = days + _EPOCH_SHIFT
    era = z // _DAYS_PER_ERA
    doe = z - era * _DAYS_PER_ERA
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    day = doy - (153 * mp + 2) // 5 + 1
    month = mp + 3 - 12 * (mp >= 10)
    year = yoe + era * 400 + (month <= 2)
    return year, month, day


def days_of_date(year: Whole, month: Whole, day: Whole) -> Whole:
    """Days since 1970-01-01."""
    y = year - (month <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month - 3 + 12 * (month <= 2)) + 2) // 5 + day - 1
    doe = yoe * 365 + yoe // 4 - yoe // 100 + doy
    return era * _DAYS_PER_ERA + doe - _EPOCH_SHIFT


def weekday(days: Whole) -> Whole:
    """Monday 0 to Sunday 6; 1970-01-01 was a Thursday."""
    return (days + 3) % 7


def day_of_year(days: Whole) -> Whole:
    """1 to 366."""
    year, _, _ = date_of_days(days)
    return days - days_of_date(year, 1, 1) + 1


def iso_week(days: Whole) -> Whole:
    """1 to 53: the week of the year that the Thursday of this week is in."""
    thursday = days - weekday(days) + 3
    return (day_of_year(thursday) - 1) // 7 + 1
