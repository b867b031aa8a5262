"""What a column is while a function is followed: an expression, and where pandas would hold ±inf in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gapless.expr import Expr, coalesce, literal, null, when

__all__ = [
    "Reason",
    "Symbol",
    "Unexpressed",
    "bare",
    "both",
    "choose",
    "either",
    "filled",
    "flag",
    "is_filled",
    "missing",
    "number",
    "of_column",
    "unexpressed",
]


@dataclass(frozen=True)
class Reason:
    """Why a column is no expression.

    Parameters: what — the operation; where — the author's file and line; hint — what to write instead, where known.
    """

    what: str
    where: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.what}{place}" + (f"; {self.hint}" if self.hint else "")


class Unexpressed(Exception):
    """Raised by a rule for what the operations do not cover; it ends in the report, never at the author."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def unexpressed(what: str, hint: str | None = None) -> Unexpressed:
    """The exception for `what`; the line is added by who knows it."""
    return Unexpressed(Reason(what, hint=hint))


@dataclass(frozen=True, eq=False)
class Symbol:
    """A column as pandas sees it, in terms of gapless.

    Parameters:
        expr — the value; null where pandas holds NaN, None, NaT or ±inf.
        kind — float, int, bool, string, timestamp or span (a difference of two timestamps, in seconds).
        nullable — whether a value may be missing in pandas; ints and bools there cannot be.
        above, below — where pandas holds +inf and -inf; None: nowhere.
        zone — of a timestamp: in which zone its clock is read.
        aware — of a timestamp: whether pandas knows the zone.
        ends — of a span: the two timestamps, later and earlier.
    """

    expr: Expr
    kind: str
    nullable: bool = True
    above: Expr | None = None
    below: Expr | None = None
    zone: str = "UTC"
    aware: bool = False
    ends: tuple[Expr, Expr] | None = None

    @property
    def infinite(self) -> Expr | None:
        """Where pandas holds ±inf."""
        return either(self.above, self.below)

    @property
    def is_number(self) -> bool:
        """Whether it is a float or an int."""
        return self.kind in ("float", "int")

    def but(self, **changes: Any) -> Symbol:
        """The same with other fields."""
        return replace(self, **changes)


def either(p: Expr | None, q: Expr | None) -> Expr | None:
    """`p | q`, where None is false everywhere."""
    return q if p is None else p if q is None else p | q


def both(p: Expr | None, q: Expr | None) -> Expr | None:
    """`p & q`, where None is false everywhere."""
    return None if p is None or q is None else p & q


def flag(p: Expr | None) -> Expr:
    """As an expression."""
    return literal(False) if p is None else p


def missing(x: Symbol) -> Expr | None:
    """Where pandas has no value; None: nowhere."""
    if not x.nullable:
        return None
    infinite = x.infinite
    return x.expr.is_null() if infinite is None else x.expr.is_null() & ~infinite


def of_column(name: str, expr: Expr, kind: str, *, nullable: bool, zone: str | None = None) -> Symbol:
    """A column of the frame that the function is given."""
    return Symbol(expr, kind, nullable, zone=zone or "UTC", aware=zone is not None)


def number(x: Symbol) -> Symbol:
    """As a number: 1 and 0 of a bool."""
    if x.kind == "bool":
        return Symbol(x.expr.to_float(), "int", x.nullable)
    if not x.is_number:
        raise unexpressed(f"arithmetic with a {x.kind}")
    return x


def typed(x: Symbol, like: Symbol) -> Symbol:
    """A missing literal with the type that its place asks for."""
    if x.expr.op == "null" and x.infinite is None and like.expr.type is not x.expr.type:
        return Symbol(null(like.expr.type), like.kind)
    return x


def choose(cases: list[tuple[Expr, Symbol]], otherwise: Symbol) -> Symbol:
    """The symbol of the first condition that is true."""
    values = [*(value for _, value in cases), otherwise]
    model = next((v for v in values if not (v.expr.op == "null" and v.infinite is None)), otherwise)
    values = [typed(v, model) for v in values]
    values = [number(v) for v in values] if _mixed(values) else values
    if len({v.expr.type for v in values}) > 1:
        raise unexpressed("values of several types in one column", "gapless columns have one type")
    conditions = [bare(condition) for condition, _ in cases]
    kinds = {v.kind for v in values}
    return Symbol(
        _chain(conditions, [v.expr for v in values]),
        kinds.pop() if len(kinds) == 1 else "float",
        any(v.nullable for v in values),
        _flags(conditions, [v.above for v in values]),
        _flags(conditions, [v.below for v in values]),
        zone=model.zone,
        aware=model.aware,
    )


def _mixed(values: list[Symbol]) -> bool:
    kinds = {v.kind for v in values}
    return "bool" in kinds and bool(kinds & {"float", "int"})


def _chain(conditions: list[Expr], values: list[Expr]) -> Expr:
    made = when(conditions[0], values[0])
    for condition, value in zip(conditions[1:], values[1:-1], strict=True):
        made = made.when(condition, value)
    return made.otherwise(values[-1])


def _flags(conditions: list[Expr], flags: list[Expr | None]) -> Expr | None:
    return None if all(f is None for f in flags) else _chain(conditions, [flag(f) for f in flags])


def is_filled(p: Expr) -> bool:
    """Whether it is `p.fill_null(False)`."""
    return p.op == "coalesce" and len(p.args) == 2 and p.args[1].op == "literal" and p.args[1].param("value") is False


def bare(p: Expr) -> Expr:
    """The same as a condition of `when`, which takes null for not true."""
    if is_filled(p):
        return bare(p.args[0])
    if p.op in ("and", "or"):
        return bare(p.args[0]).apply(p.op, bare(p.args[1]))
    return p


def filled(p: Expr, x: Symbol, y: Symbol, value: bool) -> Expr:
    """A comparison that is `value` where a side is missing."""
    unknown = x.nullable or y.nullable or x.infinite is not None or y.infinite is not None
    return coalesce(p, value) if unknown else p
