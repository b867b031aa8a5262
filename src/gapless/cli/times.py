"""Instants on the command line."""

from __future__ import annotations

import click

from gapless.clock import parse_instant
from gapless.errors import DefinitionError

__all__ = ["instant"]


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
