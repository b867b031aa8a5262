"""The page about windows names every aggregation."""

from __future__ import annotations

import re
from pathlib import Path

from gapless.windows import FUNCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "windows.md"


def test_the_table_holds_exactly_the_aggregations() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(encoding="utf-8").split("## Aggregations")[1], re.M)
    kinds = {name: "anything" in of for name, of in rows}
    assert kinds == {name: "opaque" in function.accepts for name, function in FUNCTIONS.items()}
