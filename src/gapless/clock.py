"""Time as int64 microseconds UTC: durations, instants, and the one place that reads the machine's clock."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from gapless.errors import DefinitionError

__all__ = [
    "DAY",
    "HOUR",
    "MICROSECOND",
    "MINUTE",
    "SECOND",
    "Clock",
    "SteadyClock",
    "SystemClock",
    "format_duration",
    "format_instant",
    "parse_duration",
    "parse_instant",
]

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {"us": MICROSECOND, "ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"([0-9]+)(us|ms|s|m|h|d|w)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where "now" comes from. Passed in, never read inside logic."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000


class SteadyClock:
    """A clock that never goes back: while the one below it does, the last instant that it gave is given again.

    Guarantees: safe to share between threads; no reading is smaller than one that ended before it began.

    Examples:
        >>> from types import SimpleNamespace
        >>> readings = iter([10, 7, 8, 11])
        >>> steady = SteadyClock(SimpleNamespace(now_us=lambda: next(readings)))
        >>> [steady.now_us() for _ in range(4)], steady.furthest_back_us
        ([10, 10, 10, 11], 3)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: int | None = None
        self.furthest_back_us = 0
        """How far the clock below was behind at the most: 0 where it never went back."""

    def now_us(self) -> int:
        """The clock's reading, or the last one where that is later."""
        with self._lock:
            now = self._clock.now_us()
            if self._last is not None and now < self._last:
                self.furthest_back_us = max(self.furthest_back_us, self._last - now)
                return self._last
            self._last = now
            return now


def parse_duration(text: str | timedelta) -> int:
    """Microseconds of a positive duration such as "30m", "1h", "7d" or a timedelta.

    Raises: DefinitionError for anything else; calendar units (month, year) are refused since they have no fixed length.

    Examples:
        >>> parse_duration("90s"), parse_duration(timedelta(hours=2))
        (90000000, 7200000000)
    """
    if isinstance(text, timedelta):
        us = text // timedelta(microseconds=1)
    else:
        found = _DURATION.fullmatch(text) if isinstance(text, str) else None
        us = int(found[1]) * _UNITS[found[2]] if found else 0
    if us <= 0:
        raise DefinitionError(
            "not a duration",
            seen=text,
            allowed="a whole number above 0 and one of us, ms, s, m, h, d, w; or a positive timedelta",
            next_step='write it like "30m", "24h" or "7d"',
        )
    return us


def format_duration(us: int) -> str:
    """The shortest exact text; the canonical form in column names.

    Examples:
        >>> format_duration(3_600_000_000), format_duration(5_400_000_000), format_duration(30 * DAY)
        ('1h', '90m', '30d')
        >>> format_duration(24 * HOUR), format_duration(48 * HOUR)
        ('24h', '48h')
    """
    if us % DAY == 0 and us > 2 * DAY:
        return f"{us // DAY}d"
    for unit in ("h", "m", "s", "ms", "us"):
        if us % _UNITS[unit] == 0:
            return f"{us // _UNITS[unit]}{unit}"
    raise AssertionError(us)


def parse_instant(text: str | datetime) -> int:
    """Microseconds UTC of an ISO 8601 instant; a text or datetime without an offset is UTC.

    Examples:
        >>> parse_instant("2013-01-01"), parse_instant("2013-01-01T00:00:00-05:00")
        (1356998400000000, 1357016400000000)
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else text
    except ValueError:
        raise DefinitionError(
            "not an instant",
            seen=text,
            allowed="ISO 8601, such as 2013-10-01 or 2013-10-01T06:00:00Z",
            next_step="write date and time in that form",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def format_instant(us: int) -> str:
    """ISO 8601 in UTC, as short as exactness allows.

    Examples:
        >>> format_instant(1356998400000000), format_instant(1356998400000001)
        ('2013-01-01T00:00:00Z', '2013-01-01T00:00:00.000001Z')
    """
    return (_EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")
