"""Pandas functions as people read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapless.cli.output import table

__all__ = ["functions_table"]


def functions_table(out: Any, functions: Sequence[Mapping[str, Any]]) -> None:
    """What depends on each, where it runs, and what it cost, where it ran; nothing where there is none."""
    if not functions:
        return
    ran = any(each.get("rows") for each in functions)
    columns = ["pandas function", "version", "for", *(["rows", "µs per row"] if ran else []), "runs"]
    rows = [
        [
            each["function"],
            each["version"],
            ", ".join([*each["views"], *([each["label"]] if each["label"] else [])]),
            *([each["rows"], each["us_per_row"]] if ran else []),
            each["runs"],
        ]
        for each in functions
    ]
    out.print()
    table(out, columns, rows)
