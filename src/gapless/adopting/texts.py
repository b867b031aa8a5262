"""What `.str` does, and casts between types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gapless.adopting.constants import lift
from gapless.adopting.logic import compare
from gapless.adopting.symbols import Symbol, choose, either, filled, number, unexpressed
from gapless.expr import Expr, when

__all__ = ["CASTS", "RULES"]

_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")

_WHOLE = {
    *("floor", "ceil", "round", "floor_divide", "length", "position_in", "bool_to_float", "null"),
    *("year", "month", "day", "hour", "minute", "second", "weekday", "day_of_year", "week"),
}
"""Operations that give numbers without a fraction."""


def _text(x: Symbol) -> Symbol:
    if x.kind != "string":
        raise unexpressed(f".str of a {x.kind}")
    return x


def _same(method: str) -> Callable[..., Symbol]:
    def rule(x: Symbol, *args: object) -> Symbol:
        if any(arg is not None for arg in args):
            raise unexpressed(f".str.{method} with arguments")
        return x.but(expr=_text(x).expr.apply(method))

    return rule


def _length(x: Symbol) -> Symbol:
    return Symbol(_text(x).expr.length(), "float" if x.nullable else "int", x.nullable)


def _slice(x: Symbol, start: int | None = None, stop: int | None = None, step: int | None = None) -> Symbol:
    if step not in (None, 1):
        raise unexpressed("a slice of text with a step")
    return x.but(expr=_text(x).expr.slice(start or 0, stop))


def _item(x: Symbol, i: int | slice) -> Symbol:
    if isinstance(i, slice):
        return _slice(x, i.start, i.stop, i.step)
    place = int(i)
    long_enough = _text(x).expr.length() > place if place >= 0 else x.expr.length() >= -place
    one = x.expr.slice(place, place + 1 if place != -1 else None)
    return choose([(long_enough, x.but(expr=one))], lift(None))


def _found(p: Expr, x: Symbol, na: object) -> Symbol:
    if na is None or (isinstance(na, float) and na != na):
        raise unexpressed("a test of text that may be missing", "pass na=False")
    value = bool(na) if isinstance(na, bool | int) else False
    return Symbol(filled(p, x, x, value), "bool", False)


def _contains(x: Symbol, pat: str, case: bool = True, flags: int = 0, na: object = False, regex: bool = True) -> Symbol:
    parts = pat.split("|") if regex else [pat]
    if any(_SPECIAL.search(part) for part in parts) and regex:
        raise unexpressed("str.contains with a regular expression", "regex=False looks for the text itself")
    if flags or not all(parts):
        raise unexpressed("str.contains with flags or an empty text")
    made = _text(x).expr if case else x.expr.lower()
    found: Expr | None = None
    for part in parts:
        found = either(found, made.contains(part if case else part.lower()))
    assert found is not None
    return _found(found, x, na)


def _begins(method: str) -> Callable[..., Symbol]:
    def rule(x: Symbol, pat: str | tuple[str, ...], na: object = False) -> Symbol:
        found: Expr | None = None
        for part in pat if isinstance(pat, tuple) else (pat,):
            found = either(found, _text(x).expr.apply(method, text=part))
        assert found is not None
        return _found(found, x, na)

    return rule


def _replace(
    x: Symbol, pat: str, repl: str, n: int = -1, case: object = None, flags: int = 0, regex: bool = False
) -> Symbol:
    if n != -1 or case is not None or flags or (regex and _SPECIAL.search(pat)):
        raise unexpressed("str.replace with a regular expression or options")
    return x.but(expr=_text(x).expr.replace(pat, repl))


RULES: Mapping[str, Callable[..., Symbol]] = {
    "lower": _same("lower"),
    "upper": _same("upper"),
    "strip": _same("trim"),
    "len": _length,
    "slice": _slice,
    "get": _item,
    "__getitem__": _item,
    "contains": _contains,
    "startswith": _begins("starts_with"),
    "endswith": _begins("ends_with"),
    "replace": _replace,
}
"""Method of `.str` by its name."""


def _to_float(x: Symbol) -> Symbol:
    if x.kind == "string":
        raise unexpressed("a text cast to a number", "pandas raises where it is none; declare the column as float")
    return number(x).but(kind="float")


def _to_int(x: Symbol) -> Symbol:
    x = number(x)
    if x.kind == "int":
        return x
    whole = x.expr if _is_whole(x.expr) else when(x.expr < 0, x.expr.ceil()).otherwise(x.expr.floor())
    return Symbol(whole, "int", False)


def _is_whole(expr: Expr) -> bool:
    """Whether it has no fraction, by its form."""
    if expr.op in ("if", "coalesce"):
        return all(_is_whole(arg) for arg in expr.args[expr.op == "if" :])
    if expr.op == "literal":
        return float(str(expr.param("value"))).is_integer()
    return expr.op in _WHOLE


def _to_bool(x: Symbol) -> Symbol:
    if x.kind == "bool":
        return x
    return compare("ne", number(x), lift(0))


def _to_text(x: Symbol) -> Symbol:
    if x.kind == "string":
        return x
    if x.kind == "bool" and not x.nullable:
        return Symbol(when(x.expr, "True").otherwise("False"), "string", False)
    if x.kind == "int":
        return Symbol(x.expr.to_string(), "string", x.nullable)
    raise unexpressed(f"a {x.kind} written as text", "gapless writes 1 where pandas writes 1.0")


CASTS: Mapping[str, Callable[[Symbol], Symbol]] = {
    "float64": _to_float,
    "int64": _to_int,
    "bool": _to_bool,
    "str": _to_text,
}
"""dtype → the rule of `astype`."""
