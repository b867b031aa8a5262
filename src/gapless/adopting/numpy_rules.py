"""What NumPy's functions do with a column."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gapless.adopting import choices
from gapless.adopting.arithmetic import RULES as ARITHMETIC
from gapless.adopting.arithmetic import absolute, half_even, multiply
from gapless.adopting.constants import lift
from gapless.adopting.logic import logical
from gapless.adopting.symbols import Symbol, choose, either, filled, number, unexpressed
from gapless.expr import Expr, when

__all__ = ["FUNCTIONS", "UFUNCS"]

_EXP_OVERFLOW = 709.782712893384


def _plain(method: str) -> Callable[[Symbol], Symbol]:
    """Floor and its kin: ±inf stays what it is."""

    def rule(x: Symbol) -> Symbol:
        x = number(x)
        return x if x.kind == "int" else x.but(expr=x.expr.apply(method))

    return rule


def _trunc(x: Symbol) -> Symbol:
    x = number(x)
    return x.but(expr=when(x.expr < 0, x.expr.ceil()).otherwise(x.expr.floor()))


def _rint(x: Symbol) -> Symbol:
    x = number(x)
    return x if x.kind == "int" else x.but(expr=half_even(x.expr))


def _sqrt(x: Symbol) -> Symbol:
    x = number(x)
    return Symbol(x.expr.sqrt(), "float", True, x.above)


def _exp(x: Symbol) -> Symbol:
    x = number(x)
    value = x.expr.exp()
    if x.below is not None:
        value = when(x.below, 0).otherwise(value)
    above = either(x.above, filled(x.expr > _EXP_OVERFLOW, x, x, False))
    return Symbol(value, "float", x.nullable, above)


def _logarithm(start: float, made: Callable[[Expr], Expr]) -> Callable[[Symbol], Symbol]:
    def rule(x: Symbol) -> Symbol:
        x = number(x)
        return Symbol(made(x.expr), "float", True, x.above, filled(x.expr == start, x, x, False))

    return rule


def _isfinite(x: Symbol) -> Symbol:
    return Symbol(number(x).expr.is_not_null(), "bool", False)


def _bools(op: str) -> Callable[[Symbol, Symbol], Symbol]:
    def rule(x: Symbol, y: Symbol) -> Symbol:
        return logical(op)(x, y)

    return rule


def _square(x: Symbol) -> Symbol:
    return multiply(x, x)


UFUNCS: Mapping[str, Callable[..., Symbol]] = {
    "add": ARITHMETIC["__add__"],
    "subtract": ARITHMETIC["__sub__"],
    "multiply": ARITHMETIC["__mul__"],
    "divide": ARITHMETIC["__truediv__"],
    "true_divide": ARITHMETIC["__truediv__"],
    "floor_divide": ARITHMETIC["__floordiv__"],
    "remainder": ARITHMETIC["__mod__"],
    "power": ARITHMETIC["__pow__"],
    "negative": ARITHMETIC["__neg__"],
    "positive": ARITHMETIC["__pos__"],
    "absolute": absolute,
    "fabs": absolute,
    "square": _square,
    "sqrt": _sqrt,
    "exp": _exp,
    "log": _logarithm(0, lambda x: x.log()),
    "log1p": _logarithm(-1, lambda x: x.log1p()),
    "log2": _logarithm(0, lambda x: x.log() / math.log(2)),
    "log10": _logarithm(0, lambda x: x.log() / math.log(10)),
    "floor": _plain("floor"),
    "ceil": _plain("ceil"),
    "trunc": _trunc,
    "rint": _rint,
    "sign": choices.sign,
    "maximum": ARITHMETIC["maximum"],
    "minimum": ARITHMETIC["minimum"],
    "fmax": choices.fmax,
    "fmin": choices.fmin,
    "isnan": choices.is_missing,
    "isinf": choices.is_infinite,
    "isfinite": _isfinite,
    "greater": ARITHMETIC["__gt__"],
    "greater_equal": ARITHMETIC["__ge__"],
    "less": ARITHMETIC["__lt__"],
    "less_equal": ARITHMETIC["__le__"],
    "equal": ARITHMETIC["__eq__"],
    "not_equal": ARITHMETIC["__ne__"],
    "logical_and": _bools("and"),
    "logical_or": _bools("or"),
    "logical_not": ARITHMETIC["__invert__"],
    "bitwise_and": ARITHMETIC["__and__"],
    "bitwise_or": ARITHMETIC["__or__"],
    "invert": ARITHMETIC["__invert__"],
}
"""Universal function by its name."""


def _where(condition: object, x: Any, y: Any) -> Symbol:
    return choices.select([condition], [x], y)


def _select(condlist: Sequence[object], choicelist: Sequence[object], default: object = 0) -> Symbol:
    if not condlist:
        raise unexpressed("np.select without conditions")
    return choices.select(condlist, choicelist, default)


def _clip(a: Symbol, a_min: object = None, a_max: object = None, **options: object) -> Symbol:
    return choices.RULES["clip"](a, a_min, a_max)


def _nan_to_num(
    x: Symbol, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Symbol:
    largest = 1.7976931348623157e308
    filled_in = choices.RULES["fillna"](number(x), nan)
    cases = [(x.above, largest if posinf is None else posinf), (x.below, -largest if neginf is None else neginf)]
    there = [(p, lift(float(value))) for p, value in cases if p is not None]
    return choose(there, filled_in.but(above=None, below=None)) if there else filled_in


FUNCTIONS: Mapping[str, Callable[..., Symbol]] = {
    "where": _where,
    "select": _select,
    "clip": _clip,
    "isin": lambda element, test_elements: choices.RULES["isin"](element, test_elements),
    "round": ARITHMETIC["round"],
    "around": ARITHMETIC["round"],
    "nan_to_num": _nan_to_num,
}
"""Other functions by their names."""
