"""The rule of a zone for the years after its table: a POSIX TZ string such as EST5EDT,M3.2.0,M11.1.0."""

from __future__ import annotations

import re
from functools import lru_cache

from gapless.clock import DAY, SECOND
from gapless.expr.civil import days_of_date, weekday

__all__ = ["transitions_of_year"]

_NAME = r"(?:<[^>]+>|[A-Za-z]+)"
_TIME = r"[+-]?\d+(?::\d+(?::\d+)?)?"
_RULE = re.compile(rf"{_NAME}({_TIME})(?:{_NAME}({_TIME})?,([^,/]+)(?:/({_TIME}))?,([^,/]+)(?:/({_TIME}))?)?")


def transitions_of_year(rule: str, year: int) -> list[tuple[int, int]]:
    """(instant, offset from then on) in µs, in order.

    One entry at the start of the year for a rule without summer time.
    """
    standard, summer, begin, end = _parse(rule)
    if begin is None or end is None:
        return [(_day(year, "J1") * DAY, standard)]
    changes = [
        (_day(year, begin[0]) * DAY + begin[1] - standard, summer),
        (_day(year, end[0]) * DAY + end[1] - summer, standard),
    ]
    return sorted(changes)


@lru_cache(maxsize=64)
def _parse(rule: str) -> tuple[int, int, tuple[str, int] | None, tuple[str, int] | None]:
    found = _RULE.fullmatch(rule)
    if found is None:
        raise ValueError(f"not a POSIX TZ rule: {rule!r}")
    standard = -_seconds(found[1]) * SECOND
    if found[3] is None:
        return standard, standard, None, None
    summer = -_seconds(found[2]) * SECOND if found[2] else standard + 3600 * SECOND
    begin, end = ((found[3], found[4]), (found[5], found[6]))
    return standard, summer, (begin[0], _seconds(begin[1] or "2") * SECOND), (end[0], _seconds(end[1] or "2") * SECOND)


def _seconds(text: str) -> int:
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
    size = parts[0] * 3600 + parts[1] * 60 + parts[2]
    return -size if text.startswith("-") else size


def _day(year: int, date: str) -> int:
    """Days since 1970 of Mm.w.d, Jn (February 29 never counts) or n (it does)."""
    if date.startswith("J"):
        n = int(date[1:])
        leap = days_of_date(year, 3, 1) - days_of_date(year, 2, 28) == 2
        return int(days_of_date(year, 1, 1)) + n - 1 + (leap and n >= 60)
    if not date.startswith("M"):
        return int(days_of_date(year, 1, 1)) + int(date)
    month, week, sunday_first = (int(part) for part in date[1:].split("."))
    first = days_of_date(year, month, 1)
    day = first + (sunday_first - 1 - weekday(first)) % 7 + 7 * (week - 1)
    following = days_of_date(year + month // 12, month % 12 + 1, 1)
    return int(day if day < following else day - 7)
