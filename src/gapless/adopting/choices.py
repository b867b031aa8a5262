"""What pandas does with missing values, and its ways to choose between values."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gapless.adopting.arithmetic import RULES as ARITHMETIC
from gapless.adopting.constants import lift
from gapless.adopting.logic import compare
from gapless.adopting.symbols import Symbol, choose, either, filled, flag, missing, number, unexpressed
from gapless.expr import Expr, coalesce, literal, null, when

__all__ = ["RULES", "fmax", "fmin", "is_infinite", "is_missing", "select", "where"]


def is_missing(x: Symbol) -> Symbol:
    """`x.isna()`"""
    return Symbol(flag(missing(x)), "bool", False)


def is_present(x: Symbol) -> Symbol:
    """`x.notna()`"""
    nothing = missing(x)
    return Symbol(literal(True) if nothing is None else _not(nothing), "bool", False)


def _not(p: Expr) -> Expr:
    return p.args[0].is_not_null() if p.op == "is_null" else ~p


def is_infinite(x: Symbol) -> Symbol:
    """Whether it is ±inf."""
    return Symbol(flag(number(x).infinite), "bool", False)


def fill(x: Symbol, value: object = None, **options: object) -> Symbol:
    """`x.fillna(value)`: ±inf stays."""
    if options:
        raise unexpressed(f"fillna with {', '.join(options)}", "it looks at other rows")
    if isinstance(value, dict) or value is None:
        raise unexpressed("fillna with a value per row label")
    y = lift(value)
    nothing = missing(x)
    if nothing is None:
        return x
    if x.infinite is None and y.infinite is None and y.expr.type is x.expr.type:
        return x.but(expr=coalesce(x.expr, y.expr), nullable=y.nullable)
    made = choose([(nothing, y)], x.but(nullable=False)).but(nullable=y.nullable)
    return made if y.infinite is not None else made.but(above=x.above, below=x.below)


def where(x: Symbol, condition: object, other: object = math.nan) -> Symbol:
    """`x.where(condition, other)`"""
    return choose([(_condition(condition), x)], lift(other))


def mask(x: Symbol, condition: object, other: object = math.nan) -> Symbol:
    """`x.mask(condition, other)`"""
    return choose([(_condition(condition), lift(other))], x)


def _condition(value: object) -> Expr:
    found = lift(value)
    if found.kind != "bool" or found.nullable:
        raise unexpressed("a condition that is no plain bool")
    return found.expr


def select(conditions: Sequence[object], values: Sequence[object], otherwise: object) -> Symbol:
    """`np.select` and `np.where`: the first condition that is true decides."""
    cases = [(_condition(c), lift(v)) for c, v in zip(conditions, values, strict=True)]
    return choose(cases, lift(otherwise))


def clip(x: Symbol, lower: object = None, upper: object = None) -> Symbol:
    """`x.clip(lower, upper)`"""
    for bound, rule in ((lower, "maximum"), (upper, "minimum")):
        if bound is not None:
            limit = lift(bound)
            if limit.nullable:
                raise unexpressed("clip at a bound that may be missing")
            x = ARITHMETIC[rule](x, limit)
    return x


def fmax(x: Symbol, y: Symbol) -> Symbol:
    """The greater of those that are there."""
    return _ignoring("maximum", x, y)


def fmin(x: Symbol, y: Symbol) -> Symbol:
    """The least of those that are there."""
    return _ignoring("minimum", x, y)


def _ignoring(rule: str, x: Symbol, y: Symbol) -> Symbol:
    x, y = number(x), number(y)
    if x.infinite is not None or y.infinite is not None:
        raise unexpressed("the greater or lesser of what may be infinite, missing values left out")
    expr = coalesce(ARITHMETIC[rule](x, y).expr, x.expr, y.expr)
    return Symbol(expr, "int" if x.kind == y.kind == "int" else "float", x.nullable and y.nullable)


def is_in(x: Symbol, values: Any) -> Symbol:
    """`x.isin(values)`"""
    listed = list(dict.fromkeys(values)) if not isinstance(values, Symbol | str) else None
    if listed is None or x.kind == "timestamp":
        raise unexpressed("isin with what is no fixed list")
    plain = [v.item() if hasattr(v, "item") else v for v in listed]
    known = [v for v in plain if not missing_value(v)]
    wanted = str if x.kind == "string" else numbers.Real
    if not all(isinstance(v, wanted) for v in known):
        raise unexpressed("isin with values of several types")
    found = _listed(x if x.kind == "string" else number(x), known)
    nothing = missing(x) if len(known) < len(plain) else None
    return Symbol(flag(either(found, nothing)), "bool", False)


def _listed(x: Symbol, values: list[Any]) -> Expr | None:
    found = filled(x.expr.is_in([v for v in values if not infinite_value(v)]), x, x, False) if values else None
    if math.inf in values:
        found = either(found, x.above)
    return either(found, x.below) if -math.inf in values else found


def missing_value(value: object) -> bool:
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def infinite_value(value: object) -> bool:
    return isinstance(value, float) and math.isinf(value)


def between(x: Symbol, left: object, right: object, inclusive: str = "both") -> Symbol:
    """`x.between(left, right)`"""
    low, high = ("ge" if inclusive in ("both", "left") else "gt"), ("le" if inclusive in ("both", "right") else "lt")
    p, q = compare(low, x, lift(left)), compare(high, x, lift(right))
    if x.infinite is None and p.expr.op == q.expr.op == "coalesce":
        return Symbol(coalesce(p.expr.args[0] & q.expr.args[0], False), "bool", False)
    return Symbol(p.expr & q.expr, "bool", False)


def sign(x: Symbol) -> Symbol:
    """`np.sign(x)`"""
    x = number(x)
    if x.infinite is not None:
        raise unexpressed("the sign of what may be infinite")
    return Symbol(when(x.expr > 0, 1).when(x.expr < 0, -1).otherwise(x.expr * 0), x.kind, x.nullable)


def nothing_like(x: Symbol) -> Symbol:
    """A column of missing values of the same type."""
    return Symbol(null(x.expr.type), x.kind)


RULES: Mapping[str, Callable[..., Symbol]] = {
    "isna": is_missing,
    "isnull": is_missing,
    "notna": is_present,
    "notnull": is_present,
    "fillna": fill,
    "combine_first": fill,
    "where": where,
    "mask": mask,
    "clip": clip,
    "isin": is_in,
    "between": between,
    "copy": lambda x, deep=True: x,
    "infer_objects": lambda x, copy=None: x,
    "rename": lambda x, index=None, **options: x,
    "squeeze": lambda x: x,
}
"""Method of a Series by its name."""
