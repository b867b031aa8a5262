"""The operation table as Markdown. Run: python -m gapless.expr.reference docs/expressions.md"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from gapless.expr.operation import Operation
from gapless.expr.operations import OPERATIONS

__all__ = ["BEGIN", "END", "operation_reference", "with_reference"]

BEGIN = "<!-- operations: written by python -m gapless.expr.reference -->"
END = "<!-- end of operations -->"


def operation_reference() -> str:
    """One table per group of operations.

    Examples:
        >>> operation_reference().splitlines()[2]
        '| written | name | types | meaning |'
    """
    groups = dict.fromkeys(operation.group for operation in OPERATIONS.values())
    return "\n".join(line for group in groups for line in _table(group)).rstrip() + "\n"


def _table(group: str) -> Iterator[str]:
    yield from (f"### {group}", "", "| written | name | types | meaning |", "|---|---|---|---|")
    yield from (_row(operation) for operation in OPERATIONS.values() if operation.group == group)
    yield ""


def _row(operation: Operation) -> str:
    types = "<br>".join(str(signature) for signature in operation.signatures) or "any"
    cells = (f"`{operation.written}`", f"`{operation.name}`", types, operation.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def with_reference(page: str) -> str:
    """`page` with the tables between its two markers written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{operation_reference()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_reference(path.read_text("utf-8")), "utf-8")
