"""The author's function with pandas' own functions seen through: `pd.cut`, `pd.to_datetime` and their kin."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

import pandas as pd

from gapless.adopting.constants import lift
from gapless.adopting.exploring import Scalar
from gapless.adopting.frames import TracedFrame
from gapless.adopting.hints import author_line
from gapless.adopting.logic import compare
from gapless.adopting.mapping import cut
from gapless.adopting.symbols import Reason, Symbol, unexpressed
from gapless.adopting.tracing import TracedSeries, attempt, plain, wrap
from gapless.expr import column
from gapless.schema import Type

__all__ = ["rebound"]


def _cut(x: Any, bins: Any, right: bool = True, labels: Any = None, **options: Any) -> Any:
    value = pd.cut(plain(x), plain(bins), right=right, labels=labels, **options)

    def rule(symbol: Symbol) -> Symbol:
        if isinstance(bins, int) or labels is None or set(options) - {"include_lowest"}:
            raise unexpressed("pd.cut with bins from the data, or intervals as values", "give bins and labels")
        return cut(symbol, list(bins), labels, right=right, **options)

    return wrap(value, attempt("pd.cut", rule, x))


def _to_datetime(arg: Any, *args: Any, **kwargs: Any) -> Any:
    value = pd.to_datetime(plain(arg), *args, **kwargs)

    def rule(x: Symbol) -> Symbol:
        options = {name: option for name, option in kwargs.items() if name not in ("errors", "utc")}
        utc = bool(kwargs.get("utc")) or x.aware
        if args or options or x.kind not in ("timestamp", "string"):
            raise unexpressed("pd.to_datetime with a format or unit", "declare the column as datetime in the file")
        if x.kind == "timestamp":
            return x.but(aware=utc)
        if x.expr.op != "column":
            raise unexpressed("pd.to_datetime of a text that was computed")
        return Symbol(column(str(x.expr.param("name")), Type.TIMESTAMP), "timestamp", True, aware=utc)

    return wrap(value, attempt("pd.to_datetime", rule, arg))


def _to_numeric(arg: Any, errors: str = "raise", **options: Any) -> Any:
    value = pd.to_numeric(plain(arg), errors=errors, **options)

    def rule(x: Symbol) -> Symbol:
        if x.kind == "string" and errors == "coerce" and not options:
            return Symbol(x.expr.to_float(), "float", True)
        if not x.is_number or options:
            raise unexpressed("pd.to_numeric of a text", "declare the column as float: ingest reads it")
        return x

    return wrap(value, attempt("pd.to_numeric", rule, arg))


def _test(name: str) -> Callable[[Any], Any]:
    def test(obj: Any) -> Any:
        if isinstance(obj, Scalar):
            return obj.is_missing() if name in ("isna", "isnull") else obj.is_present()
        return getattr(obj, name)() if isinstance(obj, TracedSeries | TracedFrame) else getattr(pd, name)(obj)

    return test


def _get_dummies(data: Any, prefix: Any = None, prefix_sep: str = "_", columns: Any = None, **options: Any) -> Any:
    value = pd.get_dummies(plain(data), prefix=prefix, prefix_sep=prefix_sep, columns=columns, **options)
    if isinstance(data, TracedSeries):
        found = _dummies(data, data.name if prefix is None else prefix, prefix_sep, value)
        start = f"{prefix}{prefix_sep}" if isinstance(prefix, str) else ""
        return TracedFrame.of(value, _dummies_named(data, start, value) if not start else found)
    before = data.outcomes()
    kept = {name: before[name] for name in value.columns if name in before}
    for name in columns or [c for c in data.columns if c not in kept]:
        kept.update(_dummies(data[name], name if prefix is None else None, prefix_sep, value))
    return TracedFrame.of(value, {name: kept.get(name, Reason("pd.get_dummies")) for name in value.columns})


def _dummies(data: TracedSeries, prefix: Any, sep: str, value: pd.DataFrame) -> Mapping[str, Any]:
    if not isinstance(prefix, str):
        return {}
    return _dummies_named(data, f"{prefix}{sep}", value)


def _dummies_named(data: TracedSeries, start: str, value: pd.DataFrame) -> dict[str, Any]:
    listed = {f"{start}{level}": level for level in plain(data).dropna().unique()}
    return {
        name: attempt("pd.get_dummies", _is_level, data, listed[name], str(value[name].dtype) == "bool")
        for name in value.columns
        if name in listed
    }


def _is_level(x: Symbol, level: Any, as_bool: bool) -> Symbol:
    found = compare("eq", x, lift(level))
    return found if as_bool else Symbol(found.expr.to_float(), "int", False)


def _concat(objs: Any, axis: Any = 0, **options: Any) -> Any:
    parts = list(objs)
    value = pd.concat(plain(parts), axis=axis, **options)
    if axis not in (1, "columns") or not isinstance(value, pd.DataFrame) or options:
        return wrap(value, Reason("pd.concat of rows", author_line()))
    outcomes: dict[Any, Any] = {}
    for part in parts:
        outcomes |= part.outcomes() if isinstance(part, TracedFrame) else {part.name: getattr(part, "_outcome", None)}
    return TracedFrame.of(value, outcomes)


def _merge(left: Any, right: Any, *args: Any, **kwargs: Any) -> Any:
    value = pd.merge(plain(left), plain(right), *plain(args), **plain(kwargs))
    return wrap(value, Reason("pd.merge", author_line(), "a table beside the requests is an event source: gl.last(…)"))


SEEN_THROUGH: Mapping[str, Any] = {
    "Series": TracedSeries,
    "DataFrame": TracedFrame,
    "cut": _cut,
    "to_datetime": _to_datetime,
    "to_numeric": _to_numeric,
    "get_dummies": _get_dummies,
    "concat": _concat,
    "merge": _merge,
    **{name: _test(name) for name in ("isna", "isnull", "notna", "notnull")},
}
"""Function of pandas → the one that follows it."""


class _Pandas(ModuleType):
    """pandas, whose functions know what is followed."""

    def __getattr__(self, name: str) -> Any:
        return SEEN_THROUGH[name] if name in SEEN_THROUGH else getattr(pd, name)


_PANDAS = _Pandas("pandas")
_REPLACED = {id(pd): _PANDAS, **{id(getattr(pd, name)): value for name, value in SEEN_THROUGH.items()}}


def _importing(name: str, namespace: Any = None, local: Any = None, wanted: Sequence[str] = (), level: int = 0) -> Any:
    found = builtins.__import__(name, namespace, local, wanted, level)
    return _PANDAS if found is pd else found


def rebound(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same code, and that of the functions of its module, over a pandas that follows.

    Nothing outside is changed: the code gets global names of its own. A callable without Python code stays as it is.
    """
    if not isinstance(function, FunctionType):
        return function
    theirs = function.__globals__
    mine: dict[str, Any] = {**theirs, "__builtins__": {**vars(builtins), "__import__": _importing}}
    for name, value in theirs.items():
        if id(value) in _REPLACED:
            mine[name] = _REPLACED[id(value)]
        elif isinstance(value, FunctionType) and value.__globals__ is theirs:
            mine[name] = _moved(value, mine)
    return _moved(function, mine)


def _moved(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    made = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made
