"""Time zones as tables of transitions, read from the `tzdata` package so that every machine has the same ones."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources

__all__ = ["require_zone", "zone_names"]


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
