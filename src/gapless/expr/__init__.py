"""Row expressions: one closed, typed set of operations with fixed semantics, and what runs them.

Importing this loads neither NumPy nor Arrow: the programs do, when they are compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gapless.expr.codec import from_json, to_json
from gapless.expr.expression import (
    Expr,
    When,
    coalesce,
    column,
    columns_of,
    concat,
    fingerprint,
    literal,
    maximum,
    minimum,
    null,
    when,
)
from gapless.expr.operations import OPERATIONS, OPSET_VERSION
from gapless.expr.rows import Row

if TYPE_CHECKING:
    from gapless.expr.column_program import ColumnProgram
    from gapless.expr.row_program import RowProgram

__all__ = [
    "OPERATIONS",
    "OPSET_VERSION",
    "Expr",
    "Row",
    "When",
    "coalesce",
    "column",
    "columns_of",
    "compile_columns",
    "compile_row",
    "concat",
    "fingerprint",
    "from_json",
    "literal",
    "maximum",
    "minimum",
    "null",
    "to_json",
    "when",
]


def compile_row(exprs: Mapping[str, Expr]) -> RowProgram:
    """A function from one row (name → value or None) to name → value or None, as generated Python."""
    from gapless.expr.row_program import RowProgram

    return RowProgram(exprs)


def compile_columns(exprs: Mapping[str, Expr]) -> ColumnProgram:
    """A function from an Arrow record batch to a record batch with one column per expression."""
    from gapless.expr.column_program import ColumnProgram

    return ColumnProgram(exprs)
