"""The reference page is what the operation table says."""

from __future__ import annotations

from pathlib import Path

from gapless.expr import OPERATIONS, Expr
from gapless.expr.reference import operation_reference, with_reference

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"


def test_the_page_is_current() -> None:
    page = PAGE.read_text("utf-8")
    assert with_reference(page) == page, "run: python -m gapless.expr.reference docs/expressions.md"


def test_every_operation_has_a_row() -> None:
    reference = operation_reference()
    assert [name for name in OPERATIONS if f"| `{name}` |" not in reference] == []


def test_every_method_has_a_docstring() -> None:
    methods = [name for name in dir(Expr) if not name.startswith("_") and callable(getattr(Expr, name))]
    assert [name for name in methods if not getattr(Expr, name).__doc__] == []
