"""Instants on the command line, as they come in and as they are shown."""

from __future__ import annotations

from collections.abc import Callable

import click

from gapless.clock import DAY, HOUR, MINUTE, SECOND, format_duration, format_instant, parse_duration, parse_instant
from gapless.errors import DefinitionError

__all__ = ["duration", "instant", "minute", "span"]


class _Microseconds(click.ParamType[int]):
    def __init__(self, name: str, parse: Callable[[str], int]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return self._parse(str(value))
        except DefinitionError as error:
            self.fail(f"{value!r} is no {self.name}; allowed is {error.allowed}", param, ctx)


duration = _Microseconds("duration", parse_duration)
"""A whole number and a unit, "1h" or "7d"; microseconds."""

instant = _Microseconds("instant", parse_instant)
"""ISO 8601, read as UTC where it has no offset; microseconds since 1970."""


def minute(us: int | None) -> str | None:
    """An instant for people, in UTC; None where there is none."""
    return None if us is None else format_instant(us // 60_000_000 * 60_000_000)[:16].replace("T", " ")


def span(us: int) -> str:
    """A length of time for people, cut to what matters at its size.

    Examples:
        >>> span(90 * HOUR + MINUTE), span(61 * MINUTE + SECOND), span(5 * SECOND + 7), span(7)
        ('90h', '61m', '5s', '<1s')
    """
    if us < SECOND:
        return "<1s"
    unit = HOUR if us >= 2 * DAY else MINUTE if us >= HOUR else SECOND
    return format_duration(us // unit * unit)
