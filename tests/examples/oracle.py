"""What every feature must be, in plain Python: lists of events, `math.fsum` and fractions. Shares no code with gapless.

A feature is a line of text, `FUNCTION WINDOW [HOP]`, and a Python function of one row:

    mean 3h          over [floor(t - 3h, 5 min), t)
    sum 90m exact    over [t - 90 min, t)
    last ever        over everything before t
    last_n:3 30d     the latest three, latest first
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Row = Mapping[str, Any]
Value = Callable[[Row], Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def width_us(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


# --- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    time: int
    known: int
    place: int
    row: Row
    values: dict[Value, Any] = field(default_factory=dict)

    def value(self, function: Value) -> Any:
        if function not in self.values:
            self.values[function] = function(self.row)
        return self.values[function]


class Events:
    """The events of one source by key, each list in the order (event time, known at, place in the source)."""

    def __init__(
        self, rows: Iterable[Row], *, keys: Sequence[str], time: str, known: str | None = None, delay: str = "0m"
    ):
        self._of: dict[tuple[Any, ...], list[Event]] = {}
        later = width_us(delay)
        for place, row in enumerate(rows):
            at = us(row[time])
            known_at = us(row[known]) if known else at + later
            key = tuple(row[name] for name in keys)
            if None not in key:
                self._of.setdefault(key, []).append(Event(at, known_at, place, row))
        for events in self._of.values():
            events.sort(key=lambda e: (e.time, e.known, e.place))

    def seen(self, key: tuple[Any, ...], at: int, since: float) -> list[Event]:
        events = self._of.get(key, [])
        first, end = (bisect_left(events, time, key=lambda e: e.time) for time in (since, at))
        return [e for e in events[first:end] if e.known <= at]


def once(rows: Iterable[Row], *, event_id: str | None, needed: Sequence[str]) -> list[Row]:
    """Rows with their times and id in place, NaN and infinities as None, each event_id once, the first one."""
    kept: dict[Any, Row] = {}
    for place, row in enumerate(rows):
        if all(row[name] is not None for name in needed):
            kept.setdefault(place if event_id is None else row[event_id], {k: finite(v) for k, v in row.items()})
    return list(kept.values())


# --- values -------------------------------------------------------------------------------------------------------


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def lift(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null in, null out; what is not a finite number is null too."""

    def lifted(*values: Any) -> Any:
        if any(value is None for value in values):
            return None
        try:
            return finite(function(*values))
        except (OverflowError, ZeroDivisionError):
            return None

    return lifted


def times(row: Row) -> dict[str, Any]:
    return {name: us(value) if isinstance(value, datetime) else value for name, value in row.items()}


# --- aggregations -------------------------------------------------------------------------------------------------


def rounded(number: Fraction) -> float | None:
    try:
        return float(number)
    except OverflowError:
        return None


def exact_sum(values: Sequence[float]) -> float | None:
    try:
        return math.fsum(values)
    except OverflowError:  # it gives up where a partial sum is too large, though the sum may not be
        return rounded(sum(map(Fraction, values), Fraction(0)))


def mean(values: Sequence[float]) -> float | None:
    total = exact_sum(values)
    return None if total is None else total / len(values)


def variance(values: Sequence[float]) -> float | None:
    n, exact = len(values), [Fraction(value) for value in values]
    if n < 2:
        return None
    numerator = rounded(n * sum(x * x for x in exact) - sum(exact) ** 2)
    return None if numerator is None else numerator / (n * (n - 1))


def spread(values: Sequence[float]) -> float | None:
    squared = variance(values)
    return None if squared is None else math.sqrt(squared)


def signed(value: float) -> tuple[float, float]:
    return value, math.copysign(1.0, value)


OVER_SOME: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "sum": exact_sum,
    "mean": mean,
    "var": variance,
    "std": spread,
    "min": lambda values: min(values, key=signed),
    "max": lambda values: max(values, key=signed),
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "any": any,
    "all": all,
}


def aggregate(function: str, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if function == "count":
        return float(len(known))
    if function == "n_unique":
        return float(len(set(known)))
    return OVER_SOME[function](known) if known else None


# --- features -----------------------------------------------------------------------------------------------------


def hop_us(width: int) -> int:
    if width < 12 * UNITS["h"]:
        return 5 * UNITS["m"]
    return UNITS["h"] if width < 12 * UNITS["d"] else UNITS["d"]


def lower(at: int, words: Sequence[str]) -> float:
    if words[0] == "ever":
        return -math.inf
    width = width_us(words[0])
    if words[1:] == ["exact"]:
        return at - width
    hop = width_us(words[1]) if words[1:] else hop_us(width)
    return (at - width) // hop * hop


def feature(events: Events, key: tuple[Any, ...], at: int, text: str, value: Value) -> dict[str, Any]:
    """Ending of the name → value; one entry, or n of them for last_n."""
    function, *words = text.split()
    values = [e.value(value) for e in events.seen(key, at, lower(at, words))]
    if not function.startswith("last_n:"):
        return {"": aggregate(function, values)}
    n = int(function.removeprefix("last_n:"))
    known = [v for v in values if v is not None][::-1]
    return {f"_{rank + 1}": known[rank] if rank < len(known) else None for rank in range(n)}


def view(events: Events, key: tuple[Any, ...], at: int, features: Mapping[str, tuple[str, Value]]) -> dict[str, Any]:
    """Every feature of one view for one request. A name with `{}` has its rank put there."""
    made = {}
    for name, (text, value) in features.items():
        for ending, result in feature(events, key, at, text, value).items():
            made[name.format(ending.removeprefix("_")) if "{}" in name else name + ending] = result
    return made


# --- comparison ---------------------------------------------------------------------------------------------------


def bits(value: Any) -> Any:
    """Equal where two values are the same to the bit: -0.0 is not 0.0, True is not 1.0."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return us(value)
    return struct.pack("<d", value) if isinstance(value, float) else value


def differences(seen: Sequence[Row], expected: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """One line for each value that differs."""
    pairs = zip(seen, expected, strict=True)
    return [
        f"row {i}, {name}: {got[name]!r} instead of {want[name]!r}"
        for i, (got, want) in enumerate(pairs)
        for name in columns
        if bits(got[name]) != bits(want[name])
    ]
