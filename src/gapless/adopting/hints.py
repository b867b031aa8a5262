"""What to write instead of pandas that looks at other rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

__all__ = ["OTHER_ROWS", "author_line", "statistic_hint", "window_hint"]

_PACKAGE = str(Path(__file__).resolve().parents[1])

OTHER_ROWS = {
    "mean": "mean", "sum": "sum", "std": "std", "var": "var", "min": "min", "max": "max", "count": "count",
    "nunique": "n_unique", "first": "first", "last": "last", "any": "any", "all": "all", "size": "count",
    "cumcount": "count", "cumsum": "sum", "cummax": "max", "cummin": "min", "shift": "last", "diff": "last",
    "pct_change": "last", "ffill": "last",
}  # fmt: skip
"""Method of a grouped, rolling or whole column → the aggregation of gapless that looks back."""


def author_line() -> str | None:
    """`file:line` of the innermost line of the author's own code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_PACKAGE, "<")) and "site-packages" not in file and "dist-packages" not in file:
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def window_hint(function: str, keys: Sequence[str], column: str | None, width: str | None) -> str:
    """The windowed feature that looks back from each request."""
    name = OTHER_ROWS.get(function)
    if name is None:
        return "it looks at other rows: a windowed feature (gl.feature_view) looks back from each request"
    inputs = [] if name == "count" else [f"e.{column or 'COLUMN'}"]
    windows = [] if function in ("shift", "diff", "pct_change", "ffill") else [f'windows=["{width or "30d"}"]']
    entity = f"@gl.feature_view(entity=gl.Entity({keys[0]!r}, keys={list(keys)!r}), source=…)" if keys else ""
    where = f" in a {entity}" if entity else " in a gl.feature_view"
    return f"write gl.{name}({', '.join([*inputs, *windows])}){where}: it sees what came before each request"


def statistic_hint(function: str, column: str | None) -> str:
    """For one value over the whole column."""
    return (
        f"{function}() of all rows of the sample is no property of a row: compute it once and write the number, "
        f"or take {window_hint(function, [], column, None).removeprefix('write ')}"
    )
