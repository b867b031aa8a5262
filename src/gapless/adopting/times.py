"""What `.dt` does, on timestamps and on differences of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gapless.adopting.constants import lift
from gapless.adopting.logic import compare
from gapless.adopting.symbols import Symbol, choose, unexpressed
from gapless.expr import Expr

__all__ = ["RULES", "TAKEN"]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_UNITS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "D": "day", "1h": "hour", "1D": "day", "1d": "day"}


def _instant(x: Symbol) -> Symbol:
    if x.kind != "timestamp":
        raise unexpressed(f".dt of a {x.kind}")
    return x


def _calendar(x: Symbol, part: str) -> Expr:
    return _instant(x).expr.apply(part, zone=x.zone)


def _whole(expr: Expr, x: Symbol) -> Symbol:
    return Symbol(expr, "float" if x.nullable else "int", x.nullable)


def _part(part: str) -> Callable[[Symbol], Symbol]:
    return lambda x: _whole(_calendar(x, part), x)


def _quarter(x: Symbol) -> Symbol:
    return _whole((_calendar(x, "month") + 2) // 3, x)


def _on_first(part: str) -> Callable[[Symbol], Symbol]:
    return lambda x: compare("eq", Symbol(_calendar(x, part), "int", x.nullable), lift(1))


def _month_end(x: Symbol) -> Symbol:
    if x.zone != "UTC":
        raise unexpressed(".dt.is_month_end in a zone whose days are not 24 hours")
    return compare("eq", Symbol(_instant(x).expr.plus("1d").day(), "int", x.nullable), lift(1))


def _named(part: str, first: int, names: tuple[str, ...]) -> Callable[..., Symbol]:
    def rule(x: Symbol, locale: object = None) -> Symbol:
        if locale is not None:
            raise unexpressed("names of days in a language")
        place = _calendar(x, part)
        cases = [(place == number, lift(name)) for number, name in enumerate(names, first)]
        return choose(cases, lift(None))

    return rule


def _convert(x: Symbol, tz: object) -> Symbol:
    if not _instant(x).aware:
        raise unexpressed("tz_convert of times without a zone")
    return x.but(zone=str(tz), aware=True)


def _localize(x: Symbol, tz: object, **options: object) -> Symbol:
    _instant(x)
    if tz is None and x.zone == "UTC":
        return x.but(aware=False)
    if tz is None:
        raise unexpressed("tz_localize(None) of times in a zone", "take .dt.hour and the like before it")
    if str(tz) != "UTC" or options or x.aware or x.zone != "UTC":
        raise unexpressed(f"tz_localize({tz!r})", "event times in gapless are UTC: localize where the file is written")
    return x.but(aware=True)


def _truncated(unit: str) -> Callable[[Symbol], Symbol]:
    return lambda x: x.but(expr=_instant(x).expr.truncate(unit, x.zone))


def _floor(x: Symbol, freq: object, **options: object) -> Symbol:
    unit = _UNITS.get(str(freq))
    if unit is None or options or (x.zone != "UTC" and unit != "day"):
        raise unexpressed(f".dt.floor({freq!r})")
    return _truncated(unit)(x)


def _span(x: Symbol) -> Symbol:
    if x.kind != "span":
        raise unexpressed(f"the length of a {x.kind}")
    return x


def _seconds(x: Symbol) -> Symbol:
    return Symbol(_span(x).expr, "float", x.nullable)


def _days(x: Symbol) -> Symbol:
    if not _span(x).ends:
        raise unexpressed(".dt.days of a computed span")
    assert x.ends is not None
    return _whole(x.ends[0].days_since(x.ends[1]).floor(), x)


def _seconds_of_day(x: Symbol) -> Symbol:
    return _whole(_span(x).expr.floor() % 86400, x)


TAKEN: Mapping[str, Callable[[Symbol], Symbol]] = {
    **{name: _part(name) for name in ("year", "month", "day", "hour", "minute", "second", "weekday")},
    **dict.fromkeys(("dayofweek", "day_of_week"), _part("weekday")),
    **dict.fromkeys(("dayofyear", "day_of_year"), _part("day_of_year")),
    "quarter": _quarter,
    "is_month_start": _on_first("day"),
    "is_year_start": _on_first("day_of_year"),
    "is_month_end": _month_end,
    "days": _days,
    "seconds": _seconds_of_day,
}
"""Attribute of `.dt` by its name."""

RULES: Mapping[str, Callable[..., Symbol]] = {
    "tz_convert": _convert,
    "tz_localize": _localize,
    "normalize": _truncated("day"),
    "floor": _floor,
    "day_name": _named("weekday", 0, _DAYS),
    "month_name": _named("month", 1, _MONTHS),
    "total_seconds": _seconds,
    "isocalendar.week": _part("week"),
}
"""Method of `.dt` by its name."""
