"""Arithmetic and comparison of pandas columns, ±inf included."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gapless.adopting.constants import lift
from gapless.adopting.logic import compare, invert, logical, present
from gapless.adopting.symbols import Symbol, both, either, filled, flag, number, unexpressed
from gapless.expr import Expr, concat, maximum, minimum, when

__all__ = ["RULES", "divide", "half_even", "multiply", "negate", "subtract"]

Binary = Callable[[Symbol, Symbol], Symbol]


def _kind(x: Symbol, y: Symbol) -> str:
    return "int" if x.kind == y.kind == "int" else "float"


def _made(expr: Expr, x: Symbol, y: Symbol, above: Expr | None = None, below: Expr | None = None) -> Symbol:
    return Symbol(expr, _kind(x, y), x.nullable or y.nullable or _may_be_nan(x, y), above, below)


def _may_be_nan(x: Symbol, y: Symbol) -> bool:
    return x.infinite is not None or y.infinite is not None


def _unless_other(infinite: Expr | None, other: Symbol) -> Expr | None:
    """Where one side is infinite and the other is a finite number."""
    return infinite if infinite is None or not (other.nullable or other.infinite) else _with(infinite, other)


def _with(infinite: Expr, other: Symbol) -> Expr:
    return infinite & other.expr.is_not_null()


def add(x: Symbol, y: Symbol) -> Symbol:
    """`x + y`; of texts, one after the other; of bools, or."""
    if x.kind == y.kind == "string":
        return Symbol(concat(x.expr, y.expr), "string", x.nullable or y.nullable)
    if x.kind == y.kind == "bool":
        return Symbol(x.expr | y.expr, "bool", x.nullable or y.nullable)
    if "span" in (x.kind, y.kind) or "timestamp" in (x.kind, y.kind):
        return _moved(x, y, 1)
    x, y = number(x), number(y)
    above = _sum_infinite(x.above, y.above, x, y)
    below = _sum_infinite(x.below, y.below, x, y)
    return _made(x.expr + y.expr, x, y, above, below)


def _sum_infinite(one: Expr | None, other: Expr | None, x: Symbol, y: Symbol) -> Expr | None:
    """+inf plus what is finite or +inf too."""
    return either(either(_unless_other(one, y), _unless_other(other, x)), both(one, other))


def negate(x: Symbol) -> Symbol:
    """`-x`"""
    if x.kind == "span" and x.ends:
        return _span(x.ends[1], x.ends[0], x.nullable)
    x = number(x)
    return x.but(expr=-x.expr, above=x.below, below=x.above)


def subtract(x: Symbol, y: Symbol) -> Symbol:
    """`x - y`; of two timestamps a span."""
    if x.kind == y.kind == "timestamp":
        return _span(x.expr, y.expr, x.nullable or y.nullable)
    if "span" in (x.kind, y.kind):
        return _moved(x, y, -1)
    if x.kind == y.kind == "bool":
        raise unexpressed("a difference of bools")
    x, y = number(x), number(y)
    above = _sum_infinite(x.above, y.below, x, y)
    below = _sum_infinite(x.below, y.above, x, y)
    return _made(x.expr - y.expr, x, y, above, below)


def _span(later: Expr, earlier: Expr, nullable: bool) -> Symbol:
    return Symbol(later.seconds_since(earlier), "span", nullable, ends=(later, earlier))


def _moved(x: Symbol, y: Symbol, sign: int) -> Symbol:
    """A timestamp moved by a fixed span."""
    if sign > 0 and y.kind == "timestamp":
        x, y = y, x
    if x.kind != "timestamp" or y.kind != "span" or y.expr.op != "literal":
        raise unexpressed("a timestamp moved by a column", "gapless moves timestamps by fixed durations")
    by = round(float(str(y.expr.param("value"))) * 1_000_000) * sign
    return x.but(expr=x.expr.apply("shift", by=by))


def multiply(x: Symbol, y: Symbol) -> Symbol:
    """`x * y`; of bools, and."""
    if x.kind == y.kind == "bool":
        return Symbol(x.expr & y.expr, "bool", x.nullable or y.nullable)
    x, y = number(x), number(y)
    above = either(_scaled(x.above, x.below, y), _scaled(y.above, y.below, x))
    below = either(_scaled(x.below, x.above, y), _scaled(y.below, y.above, x))
    return _made(x.expr * y.expr, x, y, above, below)


def _constant(x: Symbol) -> float | None:
    return float(str(x.expr.param("value"))) if x.expr.op == "literal" else None


def _scaled(same: Expr | None, other: Expr | None, by: Symbol) -> Expr | None:
    """Where ±inf times `by` is +inf: `same` where `by` is above 0, `other` where it is below."""
    if same is None and other is None:
        return None
    fixed = _constant(by)
    if fixed is not None:
        return None if fixed == 0 else same if fixed > 0 else other
    positive, negative = flag(compare("gt", by, lift(0)).expr), flag(compare("lt", by, lift(0)).expr)
    return either(both(same, positive), both(other, negative))


def divide(x: Symbol, y: Symbol) -> Symbol:
    """`x / y`: ±inf where y is 0."""
    if x.kind == "span":
        return _in_units(x, y)
    return _divided(number(x), number(y), lambda a, b: a / b)


def floor_divide(x: Symbol, y: Symbol) -> Symbol:
    """`x // y`: ±inf where y is 0."""
    x, y = number(x), number(y)
    made = _divided(x, y, lambda a, b: a // b)
    return made.but(kind="int") if _kind(x, y) == "int" and _constant(y) else made


def _divided(x: Symbol, y: Symbol, over: Callable[[Expr, Expr], Expr]) -> Symbol:
    value, fixed = over(x.expr, y.expr), _constant(y)
    if y.infinite is not None:
        value = when(y.infinite, x.expr * 0).otherwise(value)
    nullable = x.nullable or y.nullable or _may_be_nan(x, y) or not fixed
    if fixed:
        above, below = (x.above, x.below) if fixed > 0 else (x.below, x.above)
        return Symbol(value, "float", nullable, above, below)
    zero = filled(y.expr == 0, y, y, False) if fixed is None else lift(True).expr
    above = either(zero & compare("gt", x, lift(0)).expr, _scaled(x.above, x.below, y))
    below = either(zero & compare("lt", x, lift(0)).expr, _scaled(x.below, x.above, y))
    return Symbol(value, "float", nullable, above, below)


def _in_units(x: Symbol, y: Symbol) -> Symbol:
    """A span over a fixed span: a number of these."""
    seconds = _constant(y)
    if y.kind == "span" and x.ends and seconds:
        units = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
        if seconds in units:
            return Symbol(x.ends[0].apply("elapsed", x.ends[1], unit=units[seconds]), "float", x.nullable)
        return Symbol(x.expr / seconds, "float", x.nullable)
    raise unexpressed("a difference of timestamps divided", "take .dt.total_seconds() of it first")


def modulo(x: Symbol, y: Symbol) -> Symbol:
    """`x % y`"""
    x, y = number(x), number(y)
    if y.infinite is not None:
        raise unexpressed("a remainder by what may be infinite")
    made = _made(x.expr % y.expr, x, y)
    return made if _constant(y) else made.but(nullable=True, kind="float")


def power(x: Symbol, y: Symbol) -> Symbol:
    """`x ** y`"""
    x, y = number(x), number(y)
    fixed = _constant(y)
    if _may_be_nan(x, y):
        raise unexpressed("a power of what may be infinite")
    if fixed == 0.5:
        return Symbol(x.expr.sqrt(), "float", True)
    if fixed is not None and fixed < 0:
        return Symbol(x.expr**y.expr, "float", True, filled(x.expr == 0, x, x, False))
    return Symbol(x.expr**y.expr, _kind(x, y), True)


def _extreme(largest: bool) -> Binary:
    """NumPy's maximum and minimum: missing when a side is."""

    def pick(x: Symbol, y: Symbol) -> Symbol:
        if x.kind == y.kind == "bool":
            return Symbol(x.expr | y.expr if largest else x.expr & y.expr, "bool", x.nullable or y.nullable)
        if x.kind == "timestamp" or y.kind == "timestamp":
            raise unexpressed("the later or earlier of two timestamps")
        x, y = number(x), number(y)
        value = maximum(x.expr, y.expr) if largest else minimum(x.expr, y.expr)
        ahead, behind = ("above", "below") if largest else ("below", "above")
        for one, other in ((x, y), (y, x)):
            lost = getattr(one, behind)
            value = value if lost is None else when(lost, other.expr).otherwise(value)
        wins = either(present(getattr(x, ahead), y), present(getattr(y, ahead), x))
        loses = both(getattr(x, behind), getattr(y, behind))
        above, below = (wins, loses) if largest else (loses, wins)
        return _made(value, x, y, above, below)

    return pick


def absolute(x: Symbol) -> Symbol:
    """`abs(x)`"""
    x = number(x)
    return x.but(expr=abs(x.expr), above=x.infinite, below=None)


def half_even(x: Expr) -> Expr:
    """To whole numbers, halves to the even one, as NumPy rounds; gapless rounds halves up."""
    floor = x.floor()
    rest = x - floor
    return when(rest < 0.5, floor).when(rest > 0.5, floor + 1).when(floor % 2 == 0, floor).otherwise(floor + 1)


def rounded(x: Symbol, decimals: object = 0) -> Symbol:
    """`x.round(decimals)`: NumPy's way over a power of ten."""
    x = number(x)
    places = int(str(decimals))
    if x.kind == "int" and places >= 0:
        return x
    scale = float(10 ** abs(places))
    if places == 0:
        return x.but(expr=half_even(x.expr))
    if places > 0:
        return x.but(expr=half_even(x.expr * scale) / scale)
    return x.but(expr=half_even(x.expr / scale) * scale)


def _reflected(rule: Binary) -> Binary:
    return lambda x, y: rule(y, x)


def _comparison(op: str) -> Binary:
    return lambda x, y: compare(op, x, y)


_BINARY: Mapping[str, Binary] = {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "truediv": divide,
    "floordiv": floor_divide,
    "mod": modulo,
    "pow": power,
    "and": logical("and"),
    "or": logical("or"),
    "xor": lambda x, y: compare("ne", x, y) if x.kind == y.kind == "bool" else logical("xor")(x, y),
}
_COMPARISONS = {name: _comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}

RULES: Mapping[str, Callable[..., Symbol]] = {
    **{f"__{name}__": rule for name, rule in (*_BINARY.items(), *_COMPARISONS.items())},
    **{f"__r{name}__": _reflected(rule) for name, rule in _BINARY.items()},
    **{name: rule for name, rule in (*_BINARY.items(), *_COMPARISONS.items()) if name not in ("and", "or", "xor")},
    **{f"r{name}": _reflected(rule) for name, rule in _BINARY.items() if name not in ("and", "or", "xor")},
    "div": divide,
    "rdiv": _reflected(divide),
    "divide": divide,
    "multiply": multiply,
    "subtract": subtract,
    "__neg__": negate,
    "__pos__": lambda x: x,
    "__invert__": invert,
    "__abs__": absolute,
    "abs": absolute,
    "round": rounded,
    "maximum": _extreme(True),
    "minimum": _extreme(False),
}
"""Method of a Series, or function of NumPy, by its name; operands are symbols, other arguments plain values."""
