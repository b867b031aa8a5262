"""Values for values: `map`, `replace` and `pd.cut`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gapless.adopting.choices import RULES as CHOICES
from gapless.adopting.choices import fill, infinite_value, is_in, missing_value
from gapless.adopting.constants import lift
from gapless.adopting.logic import compare
from gapless.adopting.symbols import Symbol, choose, either, missing, unexpressed
from gapless.expr import Expr

__all__ = ["MOST_VALUES", "RULES", "cut", "mapped", "replaced"]

MOST_VALUES = 200
"""Of a dictionary that is written out."""


def mapped(x: Symbol, table: Any, na_action: object = None) -> Symbol:
    """`x.map({...})`: missing where the value is not there."""
    if not isinstance(table, Mapping):
        raise unexpressed("map with what is no dict")
    groups = _grouped(table)
    if [values for _, values in groups] == [[key] for key in table] and _counts_up([v for v, _ in groups]):
        return Symbol(x.expr.position_in(list(table)), "float", True)
    cases = [(_any_of(x, keys), lift(value)) for value, keys in groups]
    return choose(cases, lift(None)) if cases else lift(None)


def _counts_up(values: list[Any]) -> bool:
    return all(type(v) is int for v in values) and values == list(range(len(values)))


def _grouped(table: Mapping[Any, Any]) -> list[tuple[Any, list[Any]]]:
    if len(table) > MOST_VALUES:
        raise unexpressed(f"a dict of {len(table)} values", f"up to {MOST_VALUES} are written out")
    groups: dict[Any, list[Any]] = {}
    for key, value in table.items():
        if missing_value(key):
            raise unexpressed("a dict with a missing value as its key")
        groups.setdefault((type(value), value), []).append(key)
    return [(value, keys) for (_, value), keys in groups.items()]


def _any_of(x: Symbol, keys: list[Any]) -> Expr:
    if len(keys) == 1:
        return compare("eq", x, lift(keys[0])).expr
    return is_in(x, keys).expr


def replaced(x: Symbol, to_replace: Any = None, value: Any = None, regex: object = False) -> Symbol:
    """`x.replace(old, new)`, with lists and dicts too."""
    if regex:
        raise unexpressed("replace with a regular expression")
    for old, new in _pairs(to_replace, value):
        x = _one_replaced(x, old, new)
    return x


def _pairs(old: Any, new: Any) -> list[tuple[Any, Any]]:
    if isinstance(old, Mapping):
        if set(map(_key, old)) & set(map(_key, old.values())):
            raise unexpressed("replace with values that are replaced themselves", "use map")
        return list(old.items())
    olds = list(old) if isinstance(old, list | tuple) else [old]
    news = list(new) if isinstance(new, list | tuple) else [new] * len(olds)
    return list(zip(olds, news, strict=True))


def _key(value: object) -> object:
    return None if missing_value(value) else value


def _one_replaced(x: Symbol, old: Any, new: Any) -> Symbol:
    if missing_value(old):
        return fill(x, new)
    if infinite_value(old):
        p = x.above if old > 0 else x.below
        if p is None:
            return x
        rest = x.but(above=None) if old > 0 else x.but(below=None)
        return rest.but(nullable=True) if missing_value(new) else choose([(p, lift(new))], rest)
    return choose([(compare("eq", x, lift(old)).expr, lift(new))], x)


def cut(x: Symbol, bins: Sequence[float], labels: Any, *, right: bool = True, include_lowest: bool = False) -> Symbol:
    """`pd.cut(x, bins, labels=...)`"""
    names = list(range(len(bins) - 1)) if labels is False else list(labels)
    upper, lower = ("le", "gt") if right else ("lt", "ge")
    first = "ge" if right and include_lowest else lower
    cases = _outside(x, bins[0], first)
    cases += [(compare(upper, x, lift(edge)).expr, lift(name)) for edge, name in zip(bins[1:-1], names, strict=False)]
    last = lift(names[-1])
    if not math.isinf(bins[-1]):
        return choose([*cases, (compare(upper, x, lift(bins[-1])).expr, last)], lift(None))
    cases += [(x.above, lift(None))] if not right and x.above is not None else []
    return choose(cases, last) if cases else choose([(x.expr.is_not_null(), last)], last)


def _outside(x: Symbol, lowest: float, first: str) -> list[tuple[Expr, Symbol]]:
    """Where the value is missing, or below all bins."""
    if not math.isinf(lowest):
        return [(~compare(first, x, lift(lowest)).expr, lift(None))]
    outside = either(missing(x), x.below if first == "gt" else None)
    return [] if outside is None else [(outside, lift(None))]


RULES: Mapping[str, Callable[..., Symbol]] = {**CHOICES, "map": mapped, "replace": replaced}
"""Method of a Series that chooses between values, by its name."""
