"""What operations on numbers and instants mean, one value at a time.

Undefined floats are NaN here; the program makes them null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from math import copysign, fmod, nan
from typing import Any

from gapless.clock import DAY, HOUR, MINUTE, SECOND
from gapless.expr import elementary
from gapless.expr.civil import date_of_days, day_of_year, days_of_date, iso_week, weekday
from gapless.expr.elementary_tables import EXP, LOG
from gapless.expr.zones import FAR, Zone

__all__ = [
    "PARTS",
    "STARTS",
    "UNITS",
    "ceil",
    "date_of_days",
    "day_of_year",
    "elapsed",
    "exp",
    "floor",
    "floor_divide",
    "from_seconds",
    "greatest",
    "iso_week",
    "least",
    "local_time",
    "log",
    "log1p",
    "modulo",
    "power",
    "round_half_up",
    "shift",
    "truncate",
]

UNITS = {"second": SECOND, "minute": MINUTE, "hour": HOUR, "day": DAY}
_LOWEST, _BEYOND = -(2**63), 2**63


def modulo(x: float, y: float) -> float:
    """The remainder with the sign of y: exact, then at most one rounding."""
    if y == 0.0:
        return nan
    m = fmod(x, y)
    if m != 0.0 and (m < 0.0) != (y < 0.0):
        m += y
    return m + 0.0  # never -0.0


def floor_divide(x: float, y: float) -> float:
    """The floor of the quotient."""
    if y == 0.0:
        return nan
    q = (x - modulo(x, y)) / y
    if q - q != 0.0:
        return nan
    f = floor(q)
    return f + 1.0 if q - f > 0.5 else f


def floor(x: float) -> float:
    """The largest whole number not above x."""
    return float(math.floor(x))  # through an int: -0.0 becomes 0.0


def ceil(x: float) -> float:
    """The smallest whole number not below x."""
    return float(math.ceil(x))


def round_half_up(x: float) -> float:
    """The nearest whole number; halves go up."""
    f = float(math.floor(x))
    return f + 1.0 if x - f >= 0.5 else f  # floor(x + 0.5) would make 1 of 0.49999999999999994


def least(*values: float) -> float:
    """The least; -0.0 is below 0.0."""
    found = values[0]
    for x in values[1:]:
        found = found if found < x or (found == x and copysign(1.0, found) < 0.0) else x
    return found


def greatest(*values: float) -> float:
    """The greatest; -0.0 is below 0.0."""
    found = values[0]
    for x in values[1:]:
        found = found if found > x or (found == x and copysign(1.0, found) > 0.0) else x
    return found


def log(x: float) -> float:
    """Natural logarithm."""
    return elementary.log(x, LOG)


def log1p(x: float) -> float:
    """log(1 + x)."""
    return elementary.log1p(x, LOG)


def exp(x: float) -> float:
    """e to the x."""
    return elementary.exp(x, EXP)


def power(x: float, y: float) -> float:
    """x to the y."""
    return elementary.power(x, y, LOG, EXP)


def elapsed(later: int, earlier: int, unit: float) -> float:
    """The difference in units of `unit` µs."""
    us = later - earlier
    return float(us) / unit if _LOWEST <= us < _BEYOND else nan


def shift(us: int, by: int) -> int | None:
    """The instant `by` µs later; None outside 64 bits."""
    moved = us + by
    return moved if _LOWEST <= moved < _BEYOND else None


def from_seconds(x: float) -> int | None:
    """The instant x seconds after 1970; None outside 64 bits."""
    us = x * 1e6
    return (
        math.floor(us) + (us - math.floor(us) >= 0.5)
        if -9.223372036854775808e18 <= us < 9.223372036854775808e18
        else None
    )


def local_time(us: int, zone: Zone) -> int | None:
    """Microseconds on the clocks of the zone."""
    return us + zone.offset_at(us) if -FAR <= us <= FAR else None


PARTS: Mapping[str, Callable[[Any], Any]] = {
    "year": lambda days: date_of_days(days)[0],
    "month": lambda days: date_of_days(days)[1],
    "day": lambda days: date_of_days(days)[2],
    "weekday": weekday,
    "day_of_year": day_of_year,
    "week": iso_week,
}
"""Parts of a date, of days since 1970: for an int as for an int64 array."""

STARTS: Mapping[str, Callable[[Any], Any]] = {
    "day": lambda days: days,
    "week": lambda days: days - weekday(days),
    "month": lambda days: days - date_of_days(days)[2] + 1,
    "year": lambda days: days_of_date(date_of_days(days)[0], 1, 1),
}
"""The first day of the day, week, month or year that a day is in."""


def truncate(unit: str, us: int, zone: Zone) -> int | None:
    """The start of the local second, minute, hour, day, week, month or year."""
    if not -FAR <= us <= FAR:
        return None
    offset = zone.offset_at(us)
    if unit in STARTS:
        return zone.instant_of(STARTS[unit]((us + offset) // DAY) * DAY)
    width = UNITS[unit]
    return (us + offset) // width * width - offset
