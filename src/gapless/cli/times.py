"""Instants on the command line, as they come in and as they are shown."""

from __future__ import annotations

import click

from gapless.clock import format_instant, parse_instant
from gapless.errors import DefinitionError

__all__ = ["instant", "minute"]


class _Instant(click.ParamType[int]):
    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_instant(str(value))
        except DefinitionError as error:
            self.fail(f"{value!r} is no instant; allowed is {error.allowed}", param, ctx)


instant = _Instant()
"""ISO 8601, read as UTC where it has no offset; microseconds since 1970."""


def minute(us: int | None) -> str | None:
    """An instant for people, in UTC; None where there is none."""
    return None if us is None else format_instant(us // 60_000_000 * 60_000_000)[:16].replace("T", " ")
