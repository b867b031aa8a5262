"""Time zones as tables of transitions, read from the `tzdata` package so that every machine has the same ones.

A table ends where the zone's rule (its POSIX TZ string) takes over for good. The Gregorian calendar repeats itself
after 400 years, to the weekday, so the rule is written out for 400 years and a later instant is looked up whole
periods earlier: exact for ever, and a table is all that another language needs.

References: [1] RFC 8536, the time zone information format.
"""

from __future__ import annotations

import difflib
import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

from gapless.clock import DAY, SECOND
from gapless.expr.civil import date_of_days
from gapless.expr.posix import transitions_of_year

__all__ = ["FAR", "PERIOD", "Zone", "load_zone", "require_zone", "zone_names"]

PERIOD = 146_097 * DAY
FAR = 2**62  # calendar arithmetic is defined for instants up to this many µs from 1970


@cache
def zone_names() -> frozenset[str]:
    """Every name of the IANA database."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


def require_zone(name: str) -> str:
    """`name`, or a ValueError that names the closest zone."""
    if name in zone_names():
        return name
    near = difflib.get_close_matches(name, zone_names(), n=1)
    raise ValueError(f"a zone of the IANA database, such as {near[0] if near else 'America/New_York'!r}")


@dataclass(frozen=True)
class Zone:
    """Offsets from UTC, all in µs.

    Parameters:
        starts — when each offset begins, ascending; the first is far in the past.
        offsets — local time minus UTC from then on.
        walls — the local time up to which the offset before still gives the first reading: start + the larger of the
          two offsets.
        ends — instants from here on are looked up a multiple of PERIOD earlier; None where the last offset stays for
          ever.
    """

    name: str
    starts: tuple[int, ...]
    offsets: tuple[int, ...]
    walls: tuple[int, ...]
    ends: int | None

    def offset_at(self, us: int) -> int:
        """Local time minus UTC at the instant `us`."""
        if self.ends is not None and us >= self.ends:
            us -= -(-(us - self.ends + 1) // PERIOD) * PERIOD
        return self.offsets[bisect_right(self.starts, us) - 1]

    def instant_of(self, wall: int) -> int:
        """The first instant that reads `wall`; the end of the gap where `wall` is skipped."""
        back = 0
        if self.ends is not None and wall >= self.ends:
            back = -(-(wall - self.ends + 1) // PERIOD) * PERIOD
        index = bisect_right(self.walls, wall - back) - 1
        instant = wall - back - self.offsets[index]
        if index + 1 < len(self.starts):
            instant = min(instant, self.starts[index + 1])
        return instant + back


@cache
def load_zone(name: str) -> Zone:
    """The table of a zone.

    Raises: ValueError for a name that is not in the IANA database.
    Cost: about a millisecond, once per process.
    """
    data = resources.files("tzdata").joinpath("zoneinfo", *require_zone(name).split("/")).read_bytes()
    starts, offsets, first, rule = _read_tzif(data)
    changes = [(at * SECOND, offset * SECOND) for at, offset in zip(starts, offsets, strict=True)]
    ends = _extend(changes, rule)
    merged = [(-2 * FAR, first * SECOND)]
    merged += [change for before, change in zip([merged[0], *changes], changes, strict=False) if change[1] != before[1]]
    walls = [merged[0][0]]
    walls += [now[0] + max(before[1], now[1]) for before, now in pairwise(merged)]
    return Zone(name, tuple(at for at, _ in merged), tuple(offset for _, offset in merged), tuple(walls), ends)


def _extend(changes: list[tuple[int, int]], rule: str) -> int | None:
    """Append what the rule gives for 400 years.

    The instant from which lookups step back, or None for a rule without summer time.
    """
    last = changes[-1][0] if changes else -FAR
    if "," not in rule:
        changes.extend((max(at, last + 1), offset) for at, offset in transitions_of_year(rule, 1970) if not changes)
        return None
    year = date_of_days(last // DAY)[0] if changes else 1970
    for later in range(year, year + 402):
        changes.extend((at, offset) for at, offset in transitions_of_year(rule, later) if at > last)
    return changes[-1][0]


def _read_tzif(data: bytes) -> tuple[list[int], list[int], int, str]:
    """From TZif: transition seconds, offsets from each on, the offset before the first, the rule after the last."""
    skip = 44 + _body_size(data, 0, 4)
    _, _, _, times, types, _ = _counts(data, skip)
    at = skip + 44
    starts = list(struct.unpack_from(f">{times}q", data, at))
    kinds = struct.unpack_from(f">{times}B", data, at + 8 * times)
    table = at + 9 * times
    infos = [struct.unpack_from(">lbb", data, table + 6 * i) for i in range(types)]
    rule = data[skip + 44 + _body_size(data, skip, 8) :].strip(b"\n").decode("ascii")
    # Before the first transition zoneinfo takes the first type that is not summer time; type 0 is that for every zone
    # here.
    first = next((info[0] for info in infos if not info[1]), infos[0][0])
    return starts, [infos[kind][0] for kind in kinds], first, rule


def _counts(data: bytes, at: int) -> tuple[int, ...]:
    """isutc, isstd, leap, time, type, char counts of the header at `at`."""
    return struct.unpack_from(">6l", data, at + 20)


def _body_size(data: bytes, at: int, width: int) -> int:
    utc, std, leap, times, types, chars = _counts(data, at)
    return times * (width + 1) + types * 6 + chars + leap * (width + 4) + std + utc
