"""Comparisons and logic of pandas columns: two-valued, where gapless has a third value."""

from __future__ import annotations

from collections.abc import Callable

from gapless.adopting.symbols import Symbol, both, either, filled, is_filled, missing, number, unexpressed
from gapless.expr import Expr, coalesce, literal

__all__ = ["compare", "invert", "logical", "present"]

Binary = Callable[[Symbol, Symbol], Symbol]


def present(p: Expr | None, other: Symbol) -> Expr | None:
    """Where `p` holds and the other side has a value."""
    nothing = missing(other)
    return p if p is None or nothing is None else p & ~nothing


def compare(op: str, x: Symbol, y: Symbol) -> Symbol:
    """A comparison as pandas decides it: false where a side is missing (`!=`: true), ±inf at the ends."""
    if _is_nothing(x) or _is_nothing(y):
        return Symbol(literal(op == "ne"), "bool", False)
    if x.kind != y.kind and not (_numeric(x) and _numeric(y)):
        raise unexpressed(f"a {x.kind} compared with a {y.kind}")
    if x.kind != y.kind or (x.kind == "bool" and op not in ("eq", "ne")):
        x, y = number(x), number(y)
    expr = filled(x.expr.apply(op, y.expr), x, y, op == "ne")
    if op in ("eq", "ne"):
        same = either(both(x.above, y.above), both(x.below, y.below))
        if same is not None:
            expr = expr | same if op == "eq" else expr & ~same
        return Symbol(expr, "bool", False)
    one, other = (x, y) if op in ("gt", "ge") else (y, x)
    larger = either(_beyond(one.above, other, other.above, op), _beyond(other.below, one, one.below, op))
    return Symbol(expr if larger is None else larger | expr, "bool", False)


def _is_nothing(x: Symbol) -> bool:
    return x.expr.op == "null" and x.infinite is None


def _numeric(x: Symbol) -> bool:
    return x.is_number or x.kind == "bool"


def _beyond(infinite: Expr | None, other: Symbol, same: Expr | None, op: str) -> Expr | None:
    """Where ±inf is beyond the other side, which is there and not as infinite (or is, for >= and <=)."""
    if infinite is None:
        return None
    there = present(infinite, other)
    return there if same is None or op in ("ge", "le") or there is None else there & ~same


def logical(op: str) -> Binary:
    """`&`, `|` and `^` of bools."""

    def combine(x: Symbol, y: Symbol) -> Symbol:
        if x.kind != "bool" or y.kind != "bool":
            raise unexpressed(f"bitwise {op} of numbers")
        if x.nullable or y.nullable:
            raise unexpressed(f"{op} of bools that may be missing", "fill them first")
        if op != "xor" and (is_filled(x.expr) or is_filled(y.expr)):
            # (p & q).fill_null(False) is p.fill_null(False) & q.fill_null(False), and reads better.
            return Symbol(coalesce(_unfilled(x.expr).apply(op, _unfilled(y.expr)), False), "bool", False)
        return Symbol(x.expr.apply(op, y.expr), "bool", False)

    return combine


def _unfilled(p: Expr) -> Expr:
    return p.args[0] if is_filled(p) else p


def invert(x: Symbol) -> Symbol:
    """`~x`"""
    if x.kind != "bool" or x.nullable:
        raise unexpressed("~ of what is no plain bool")
    return Symbol(~x.expr, "bool", False)
