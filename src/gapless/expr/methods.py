"""The methods of expressions, by the type that they are for.

Each names an operation of the table; the table says what it means.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NoReturn, Self

from gapless.clock import parse_duration
from gapless.errors import DefinitionError, TypeMismatch
from gapless.expr.nodes import Node, Operand
from gapless.schema import Type

__all__ = ["Nulls", "Numbers", "Strings", "Times"]


class Nulls(Node):
    """For every type."""

    __slots__ = ()

    def is_null(self) -> Self:
        """True where there is no value."""
        return self.apply("is_null")

    def is_not_null(self) -> Self:
        """True where there is a value."""
        return self.apply("is_not_null")

    def fill_null(self, value: Operand) -> Self:
        """This, or `value` where this is null: `coalesce(x, value)`."""
        return self.apply("coalesce", value)

    def is_in(self, values: Sequence[float] | Sequence[str]) -> Self:
        """Whether the value is one of `values`, a fixed list."""
        return self.apply("is_in", values=_listed(values))

    def position_in(self, values: Sequence[float] | Sequence[str]) -> Self:
        """The position of the value in `values`, from 0; null where it is not there."""
        return self.apply("position_in", values=_listed(values))

    def between(self, low: Operand, high: Operand) -> Self:
        """`(x >= low) & (x <= high)`."""
        return self.apply("ge", low).apply("and", self.apply("le", high))

    def to_float(self) -> Self:
        """As a number: 1 and 0 of a bool, the number written in a string, seconds since 1970 of a timestamp."""
        return self if self.type is Type.FLOAT else self.apply(f"{self.type.value}_to_float")

    def to_bool(self) -> Self:
        """False for 0, else true."""
        return self if self.type is Type.BOOL else self.apply("float_to_bool")

    def to_string(self) -> Self:
        """A number as the shortest text that reads back as it."""
        return self if self.type is Type.STRING else self.apply("float_to_string")

    def to_timestamp(self) -> Self:
        """The instant that is so many seconds after 1970-01-01 UTC."""
        return self if self.type is Type.TIMESTAMP else self.apply("float_to_timestamp")


def _listed(values: object) -> object:
    return values if isinstance(values, str) or not isinstance(values, Sequence | set | frozenset) else _ordered(values)


def _ordered(values: Sequence[object] | set[object] | frozenset[object]) -> tuple[object, ...]:
    if isinstance(values, set | frozenset):
        raise DefinitionError(
            "a list of values needs an order",
            seen=values,
            allowed="a list or tuple",
            next_step="write it as a list: sets change order between runs",
        )
    return tuple(values)


class Numbers(Node):
    """For float (and int, which reads as float)."""

    __slots__ = ()

    def __abs__(self) -> Self:
        return self.apply("abs")

    def abs(self) -> Self:
        """The size without the sign."""
        return self.apply("abs")

    def floor(self) -> Self:
        """The largest whole number not above the value."""
        return self.apply("floor")

    def ceil(self) -> Self:
        """The smallest whole number not below the value."""
        return self.apply("ceil")

    def round(self) -> Self:
        """The nearest whole number, halves up."""
        return self.apply("round")

    def __floor__(self) -> Self:
        return self.floor()

    def __ceil__(self) -> Self:
        return self.ceil()

    def __trunc__(self) -> NoReturn:
        raise TypeMismatch(
            "math.trunc() and int() do not take an expression",
            seen=self,
            allowed="x.floor(), x.ceil(), x.round()",
            next_step="say which way to round; towards 0 is when(x < 0, x.ceil()).otherwise(x.floor())",
        )

    def __round__(self, digits: int | None = None) -> NoReturn:
        raise DefinitionError(
            "round() rounds halves to even, and to decimal places that binary numbers do not have",
            seen=f"round(x, {digits})" if digits is not None else "round(x)",
            allowed="x.round(): to whole numbers, halves up",
            next_step="write x.round(), or (x * 100).round() / 100 for two places",
        )

    def sqrt(self) -> Self:
        """Square root; null below 0."""
        return self.apply("sqrt")

    def exp(self) -> Self:
        """e to the value; null on overflow."""
        return self.apply("exp")

    def log(self) -> Self:
        """Natural logarithm; null for 0 and below."""
        return self.apply("log")

    def log1p(self) -> Self:
        """log(1 + x), exact near 0; null for -1 and below."""
        return self.apply("log1p")

    def clip(self, low: Operand, high: Operand) -> Self:
        """`minimum(maximum(x, low), high)`: a `high` below `low` wins."""
        return self.apply("maximum", low).apply("minimum", high)


class Strings(Node):
    """For string."""

    __slots__ = ()

    def lower(self) -> Self:
        """A-Z to a-z; other characters stay."""
        return self.apply("lower")

    def upper(self) -> Self:
        """a-z to A-Z; other characters stay."""
        return self.apply("upper")

    def trim(self) -> Self:
        """Without ASCII blanks at both ends."""
        return self.apply("trim")

    def length(self) -> Self:
        """Number of code points."""
        return self.apply("length")

    def slice(self, start: int, stop: int | None = None) -> Self:
        """Code points from `start` up to `stop`; a negative one counts from the end."""
        return self.apply("slice", start=start, stop=stop)

    def __getitem__(self, part: object) -> Self:
        if isinstance(part, slice) and part.step is None:
            return self.slice(part.start or 0, part.stop)
        raise TypeMismatch(
            "an expression takes slices without a step in brackets",
            seen=part,
            allowed="s[start:stop]",
            next_step="one character is s[2:3]",
        )

    def contains(self, text: str) -> Self:
        """Whether `text` occurs in it."""
        return self.apply("contains", text=text)

    def starts_with(self, text: str) -> Self:
        """Whether it begins with `text`."""
        return self.apply("starts_with", text=text)

    def ends_with(self, text: str) -> Self:
        """Whether it ends with `text`."""
        return self.apply("ends_with", text=text)

    def replace(self, old: str, new: str) -> Self:
        """Each `old`, from the left, as `new`."""
        return self.apply("replace", old=old, new=new)

    def hash_bucket(self, buckets: int, *, seed: int = 0) -> Self:
        """A number from 0 to `buckets` - 1 that depends on the text alone."""
        return self.apply("hash_bucket", buckets=buckets, seed=seed)


class Times(Node):
    """For timestamp. Zones are names of the IANA database."""

    __slots__ = ()

    def seconds_since(self, other: Operand) -> Self:
        """Seconds from `other` to this, with fractions."""
        return self.apply("elapsed", other, unit="second")

    def minutes_since(self, other: Operand) -> Self:
        """Minutes from `other` to this, with fractions."""
        return self.apply("elapsed", other, unit="minute")

    def hours_since(self, other: Operand) -> Self:
        """Hours from `other` to this, with fractions."""
        return self.apply("elapsed", other, unit="hour")

    def days_since(self, other: Operand) -> Self:
        """Days of 24 hours from `other` to this, with fractions."""
        return self.apply("elapsed", other, unit="day")

    def plus(self, duration: str | timedelta) -> Self:
        """The instant `duration` later."""
        return self.apply("shift", by=parse_duration(duration))

    def minus(self, duration: str | timedelta) -> Self:
        """The instant `duration` earlier."""
        return self.apply("shift", by=-parse_duration(duration))

    def truncate(self, unit: str, zone: str = "UTC") -> Self:
        """The start of the second, minute, hour, day, week, month or year that it falls in."""
        return self.apply("truncate", unit=unit, zone=zone)

    def year(self, zone: str = "UTC") -> Self:
        """Calendar year."""
        return self.apply("year", zone=zone)

    def month(self, zone: str = "UTC") -> Self:
        """1 to 12."""
        return self.apply("month", zone=zone)

    def day(self, zone: str = "UTC") -> Self:
        """Day of the month, 1 to 31."""
        return self.apply("day", zone=zone)

    def hour(self, zone: str = "UTC") -> Self:
        """0 to 23."""
        return self.apply("hour", zone=zone)

    def minute(self, zone: str = "UTC") -> Self:
        """0 to 59."""
        return self.apply("minute", zone=zone)

    def second(self, zone: str = "UTC") -> Self:
        """0 to 59, whole."""
        return self.apply("second", zone=zone)

    def weekday(self, zone: str = "UTC") -> Self:
        """Monday 0 to Sunday 6."""
        return self.apply("weekday", zone=zone)

    def day_of_year(self, zone: str = "UTC") -> Self:
        """1 to 366."""
        return self.apply("day_of_year", zone=zone)

    def week(self, zone: str = "UTC") -> Self:
        """ISO 8601 week, 1 to 53."""
        return self.apply("week", zone=zone)
