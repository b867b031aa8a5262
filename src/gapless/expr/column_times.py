"""Operations on instants over int64 arrays of µs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.clock import DAY, HOUR, MINUTE, SECOND
from gapless.expr.scalar import PARTS, STARTS, UNITS
from gapless.expr.zones import FAR, PERIOD, Zone, load_zone

__all__ = ["CALENDAR", "INSTANTS", "KERNELS", "local_times"]

Params = Mapping[str, Any]
Instants = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@cache
def _table(name: str) -> tuple[Zone, Instants, Instants, Instants]:
    zone = load_zone(name)
    return zone, np.array(zone.starts), np.array(zone.offsets), np.array(zone.walls)


def _periods_back(us: Instants, ends: int | None) -> Any:
    """How far before `us` the table is read."""
    if ends is None or not (late := us >= ends).any():
        return 0
    return np.where(late, -((ends - 1 - us) // PERIOD) * PERIOD, 0)


def _offset_at(us: Instants, name: str) -> Instants | int:
    zone, starts, offsets, _ = _table(name)
    if len(starts) == 1:
        return zone.offsets[0]
    found: Instants = offsets[np.searchsorted(starts, us - _periods_back(us, zone.ends), side="right") - 1]
    return found


def _instant_of(wall: Instants, name: str) -> Instants:
    zone, starts, offsets, walls = _table(name)
    back = _periods_back(wall, zone.ends)
    index = np.searchsorted(walls, wall - back, side="right") - 1
    following = np.append(starts[1:], np.iinfo(np.int64).max)[index]
    found: Instants = np.minimum(wall - back - offsets[index], following) + back
    return found


def _within(us: Instants) -> tuple[Instants, Flags]:
    ok = (us >= -FAR) & (us <= FAR)
    return np.where(ok, us, 0), ok


def local_times(us: Instants, zone: str) -> tuple[Instants, Flags]:
    """Microseconds on the clocks of the zone, and where they are defined."""
    near, ok = _within(us)
    return near + _offset_at(near, zone), ok


def _truncate(params: Params, us: Instants) -> tuple[Instants, Flags]:
    near, ok = _within(us)
    offset = _offset_at(near, params["zone"])
    unit = params["unit"]
    if unit in STARTS:
        return _instant_of(STARTS[unit]((near + offset) // DAY) * DAY, params["zone"]), ok
    width = UNITS[unit]
    return (near + offset) // width * width - offset, ok


def _shift(params: Params, us: Instants) -> tuple[Instants, Flags]:
    by = np.int64(params["by"])
    limits = np.iinfo(np.int64)
    ok = us <= limits.max - by if by >= 0 else us >= limits.min - by
    return us + by, ok


def _elapsed(params: Params, later: Instants, earlier: Instants) -> Any:
    us = later - earlier  # wraps where it does not fit
    fits = ((later ^ earlier) & (later ^ us)) >= 0
    return np.where(fits, us.astype(np.float64) / UNITS[params["unit"]], np.nan)


def _from_seconds(params: Params, x: npt.NDArray[np.float64]) -> tuple[Instants, Flags]:
    us = x * 1e6
    ok = (us >= -9.223372036854775808e18) & (us < 9.223372036854775808e18)
    floor = np.floor(np.where(ok, us, 0.0))
    return floor.astype(np.int64) + (us - floor >= 0.5), ok


def _of_days(part: Callable[[Any], Any]) -> Callable[[Instants], Any]:
    return lambda local: part(local // DAY)


CALENDAR: Mapping[str, Callable[[Instants], Any]] = {
    "hour": lambda local: local // HOUR % 24,
    "minute": lambda local: local // MINUTE % 60,
    "second": lambda local: local // SECOND % 60,
    **{name: _of_days(part) for name, part in PARTS.items()},
}
"""Operation → function of local times, which the program looks up once per instant and zone."""

KERNELS: Mapping[str, Callable[..., Any]] = {
    "elapsed": _elapsed,
    "timestamp_to_float": lambda params, us: us.astype(np.float64) / 1e6,
}
"""Operation → function of (params, arrays)."""

INSTANTS: Mapping[str, Callable[..., tuple[Instants, Flags]]] = {
    "shift": _shift,
    "truncate": _truncate,
    "float_to_timestamp": _from_seconds,
}
"""Operation with an instant as result → function of (params, array) to (values, where they are defined)."""
