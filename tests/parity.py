"""Where tests of every runtime write down what they compared; `scripts/parity.py` makes docs/parity.md of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from scripts.parity import FOLDER, TABLES

__all__ = ["record"]


def record(table: str, row: str, column: str, *, compared: int, different: int, folder: Path = FOLDER) -> None:
    """Add values that were computed and compared to a cell of the page; records of one cell add up.

    Call it before the assertion, with counts that are the same in every run: fixed seeds, no clock.

    Parameters:
        table, row, column — a cell that `scripts.parity.TABLES` has.
        compared — values held against the reference; different — those with other bits.

    Guarantees: processes at once do not disturb each other: each has a file of its own.
    """
    one = TABLES[table]
    assert row in one.rows, f"{table} has no row {row!r}: {', '.join(one.rows)}"
    assert column in one.columns, f"{table} has no column {column!r}: {', '.join(one.columns)}"
    assert 0 <= different <= compared
    fields = {"table": table, "row": row, "column": column, "compared": compared, "different": different}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")
