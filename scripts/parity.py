"""Write docs/parity.md from what the tests of every runtime compared; `--check` only says whether the page is current.

    make test      every test records what it compared, then the page is checked
    make parity    writes the page from that run

A cell without a comparison, or with a difference, is an error that names it: the page never shows a hole.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gapless.expr import OPERATIONS
from gapless.windows import FUNCTIONS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "parity"
"""Where tests record: one file of JSON lines for each process."""
PAGE = ROOT / "docs" / "parity.md"


@dataclass(frozen=True)
class Table:
    """What is run (rows) and where (columns, with what each one means)."""

    title: str
    about: str
    row: str
    rows: tuple[str, ...]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """Values that a test computed there and held against the reference."""

    compared: int = 0
    different: int = 0


Cells = Mapping[tuple[str, str, str], Cell]

TABLES: Mapping[str, Table] = {
    "operations": Table(
        "Operations of row expressions",
        "The reference is the generated Python for one row, which is itself held to the golden vectors in"
        " `src/gapless/expr/golden`.",
        "operation",
        tuple(OPERATIONS),
        {
            "python row": "generated Python for one row, against the golden vectors",
            "columns": "columns over Arrow: training, batch, micro-batches",
            "spark": "the same columns inside Spark executors",
            "node": "generated TypeScript in Node",
            "chromium": "generated TypeScript in a browser",
        },
    ),
    "aggregations": Table(
        "Aggregations over windows",
        "The reference is the naive oracle: a few lines of Python over a list of events.",
        "aggregation",
        tuple(FUNCTIONS),
        {
            "naive": "the oracle, against every other way on the same histories",
            "numpy": "the kernel without a compiler",
            "compiled": "the kernel that training and batch use",
            "tiles": "merged tiles of one key: online state",
            "stream": "online state kept from an event log as events come, against the compiled kernel",
            "spark": "the kernel inside Spark executors",
        },
    ),
}


def recorded(folder: Path = FOLDER) -> Cells:
    """The sums over all records of a run."""
    compared: Counter[tuple[str, str, str]] = Counter()
    different: Counter[tuple[str, str, str]] = Counter()
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            place = (one["table"], one["row"], one["column"])
            compared[place] += one["compared"]
            different[place] += one["different"]
    return {place: Cell(compared[place], different[place]) for place in compared}


def problems(cells: Cells, tables: Mapping[str, Table] = TABLES) -> list[str]:
    """A line for each cell that cannot be shown."""
    return [
        f"{name}: {row} on {column}: {said}"
        for name, table in tables.items()
        for row in table.rows
        for column in table.columns
        if (said := _problem(cells.get((name, row, column))))
    ]


def _problem(cell: Cell | None) -> str | None:
    if cell is None:
        return "no test recorded it"
    if not cell.compared:
        return "nothing was compared"
    return f"{cell.different:,} of {cell.compared:,} values differ" if cell.different else None


def page(cells: Cells, tables: Mapping[str, Table] = TABLES) -> str:
    """The page, for cells without a problem."""
    total = sum(cells[name, row, c].compared for name, t in tables.items() for row in t.rows for c in t.columns)
    parts = [
        "# The same bits everywhere",
        "<!-- Written by `make parity` from a run of the tests; `make test` fails while it is out of date. -->",
        "Every cell is a number of values that a run of `make test` computed in that runtime and compared with the"
        f" reference, bit for bit; ✅ says that none differed. {total:,} in all.",
    ]
    for name, table in tables.items():
        parts += [f"## {table.title}", table.about, _meanings(table), "\n".join(_lines(name, table, cells))]
    return "\n\n".join(parts) + "\n"


def _meanings(table: Table) -> str:
    return "\n".join(f"* **{column}**: {meaning}" for column, meaning in table.columns.items())


def _lines(name: str, table: Table, cells: Cells) -> Iterable[str]:
    yield _line([table.row, *table.columns])
    yield _line(["---", *("---:" for _ in table.columns)])
    for row in table.rows:
        yield _line([f"`{row}`", *(f"{cells[name, row, column].compared:,} ✅" for column in table.columns)])


def _line(values: Iterable[str]) -> str:
    return f"| {' | '.join(values)} |"


def main(arguments: list[str], folder: Path = FOLDER, target: Path = PAGE) -> int:
    cells = recorded(folder)
    if not cells:
        print(f"parity: nothing is recorded in {folder}\n  next: run `make test` as a whole", file=sys.stderr)
        return 1
    found = problems(cells)
    if found:
        print("\n".join(f"parity: {line}" for line in found), file=sys.stderr)
        return 1
    text = page(cells)
    current = target.exists() and target.read_text(encoding="utf-8") == text
    if current:
        return 0
    if "--check" in arguments:
        print(f"parity: {target.name} says something else than this run\n  next: run `make parity`", file=sys.stderr)
        return 1
    target.write_text(text, encoding="utf-8")
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
