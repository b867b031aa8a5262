"""A DataFrame that knows the expression of each of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pandas as pd

from gapless.adopting.arithmetic import RULES as ARITHMETIC
from gapless.adopting.choices import fmax, fmin, nothing_like
from gapless.adopting.comparing import same_values
from gapless.adopting.constants import lift
from gapless.adopting.exploring import explored
from gapless.adopting.hints import OTHER_ROWS, author_line, window_hint
from gapless.adopting.mapping import RULES as CHOICES
from gapless.adopting.methods import own_methods
from gapless.adopting.numpy_rules import UFUNCS
from gapless.adopting.other_rows import Chain
from gapless.adopting.symbols import Reason, Symbol, Unexpressed, number, unexpressed
from gapless.adopting.texts import CASTS
from gapless.adopting.tracing import (
    Followed,
    TracedSeries,
    attempt,
    plain,
    register_frame,
    wrap,
)

__all__ = ["TracedFrame"]

Outcomes = dict[Any, Any]
_COLUMN_BY_COLUMN = {
    **{name: CHOICES[name] for name in ("isna", "isnull", "notna", "notnull", "replace", "clip")},
    **{name: ARITHMETIC[name] for name in ("round", "abs")},
}
_WITH_A_VALUE = {"fillna": CHOICES["fillna"], "where": CHOICES["where"], "mask": CHOICES["mask"]}
_CHOSEN = {"drop", "rename", "filter", "select_dtypes", "reindex", "add_prefix", "add_suffix", "copy", "head"}
_GROUPED = {"groupby": "groupby", "rolling": "rolling", "expanding": "expanding", "resample": "resample", "ewm": "ewm"}


class TracedFrame(pd.DataFrame):  # type: ignore[misc]  # pandas ships no types
    """A DataFrame whose columns have an expression each, or the reason why not."""

    _outcomes: Outcomes = {}  # noqa: RUF012  # pandas asks for the attribute on the class

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(plain(data), *plain(args), **plain(kwargs))
        object.__setattr__(self, "_outcomes", _of_data(data))

    @classmethod
    def of(cls, frame: pd.DataFrame, outcome: Any) -> TracedFrame:
        """`frame` with an outcome for each column, or one for all."""
        made = cls(frame)
        each = outcome if isinstance(outcome, Mapping) else dict.fromkeys(frame.columns, outcome)
        object.__setattr__(made, "_outcomes", dict(each))
        return made

    def outcomes(self) -> Outcomes:
        """Column → symbol or reason, in the order of the columns."""
        unknown = Reason("a column that was made outside pandas operations")
        return {name: self._outcomes.get(name, unknown) for name in self.columns}

    def _become(self, frame: pd.DataFrame, outcomes: Outcomes) -> None:
        object.__setattr__(self, "_mgr", frame._mgr)
        object.__setattr__(self, "_outcomes", outcomes)

    def __getitem__(self, key: Any) -> Any:
        found = plain(self)[plain(key)]
        if isinstance(found, pd.Series):
            return wrap(found, self.outcomes()[key])
        if isinstance(key, list | pd.Index) and len(found) == len(self):
            return TracedFrame.of(found, {name: self.outcomes().get(name) for name in found.columns})
        return TracedFrame.of(found, Reason("some rows only", author_line(), "a feature has a value in every row"))

    def __setitem__(self, key: Any, value: Any) -> None:
        value = value(self) if callable(value) else value
        changed = plain(self).copy()
        changed[plain(key)] = plain(value)
        self._become(changed, {**self._outcomes, **_set(key, value)})

    def __setattr__(self, name: str, value: Any) -> None:
        renamed = dict(zip(value, self.outcomes().values(), strict=False)) if name == "columns" else None
        super().__setattr__(name, value)
        if renamed is not None:
            object.__setattr__(self, "_outcomes", renamed)

    def __delitem__(self, key: Any) -> None:
        self._become(plain(self).drop(columns=[key]), self._outcomes)

    def insert(self, loc: int, column: Any, value: Any, *args: Any) -> None:
        """A new column at a place."""
        changed = plain(self).copy()
        changed.insert(loc, column, plain(value), *args)
        self._become(changed, {**self._outcomes, **_set(column, value)})

    def pop(self, item: Any) -> Any:
        """A column, taken out."""
        found = self[item]
        del self[item]
        return found

    def assign(self, **columns: Any) -> TracedFrame:
        """With further columns."""
        made = TracedFrame.of(plain(self).copy(), self.outcomes())
        for name, value in columns.items():
            made[name] = value
        return made

    def pipe(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """`func(self)`."""
        return func(self, *args, **kwargs)

    def apply(self, func: Any, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
        """A function of each column, or with axis=1 of each row, followed along its branches."""
        if axis not in (1, "columns"):
            columns = {name: self[name] for name in self.columns}
            return TracedFrame({name: func(column, *args, **kwargs) for name, column in columns.items()})
        value = plain(self).apply(func, 1, *args, **kwargs)
        rule = None if args or kwargs else lambda: explored(func, self.outcomes())
        return wrap(value, attempt("apply(axis=1)", rule))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Other types."""
        value = plain(self).astype(dtype, *args, **kwargs)
        changed = set(dtype) if isinstance(dtype, Mapping) else set(self.columns)
        outcomes = {
            name: attempt(f"astype({value[name].dtype})", CASTS.get(str(value[name].dtype)), self[name])
            if name in changed
            else outcome
            for name, outcome in self.outcomes().items()
        }
        return TracedFrame.of(value, outcomes)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        value = getattr(ufunc, method)(*plain(inputs), **plain(options))
        rule = UFUNCS.get(ufunc.__name__) if method == "__call__" and len(inputs) == 1 and not options else None
        return TracedFrame.of(value, {n: attempt(f"np.{ufunc.__name__}", rule, self[n]) for n in self.columns})

    @property
    def loc(self) -> Any:
        """Columns, or rows where a condition holds."""
        return _Located(self)

    @property
    def values(self) -> Any:
        """NumPy's own array: what is known ends here."""
        return plain(self).to_numpy()


def _of_data(data: Any) -> Outcomes:
    if isinstance(data, TracedFrame):
        return data.outcomes()
    if isinstance(data, Mapping):
        return {name: outcome for key, value in data.items() for name, outcome in _set(key, value).items()}
    return {}


def _set(key: Any, value: Any) -> Outcomes:
    if isinstance(key, list):
        columns = value.outcomes().values() if isinstance(value, TracedFrame) else []
        unknown = Reason("several columns that were made outside pandas operations", author_line())
        return dict(zip(key, columns, strict=False)) if len(columns) == len(key) else dict.fromkeys(key, unknown)
    if isinstance(value, TracedSeries):
        return {key: value._outcome}
    if isinstance(value, TracedFrame) and len(value.columns) == 1:
        return {key: next(iter(value.outcomes().values()))}
    if pd.api.types.is_scalar(value):
        return {key: attempt("a constant", lambda: lift(value))}
    what = f"a {type(value).__name__} that was made outside pandas operations"
    return {key: Reason(what, author_line(), "write it as operations on columns")}


class _Located:
    """`.loc` of a frame: columns by name, and assignments where a condition is true."""

    def __init__(self, frame: TracedFrame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple) and len(key) == 2 and key[0] == slice(None):
            return self._frame[key[1]]
        found = plain(self._frame).loc[plain(key)]
        return wrap(found, Reason("some rows by .loc", author_line(), "a feature has a value in every row"))

    def __setitem__(self, key: Any, value: Any) -> None:
        changed = plain(self._frame).copy()
        changed.loc[plain(key)] = plain(value)
        rows, columns = key if isinstance(key, tuple) else (key, list(self._frame.columns))
        names = columns if isinstance(columns, list) else [columns]
        outcomes = self._frame.outcomes()
        before = {n: outcomes.get(n) or _nothing(value) for n in names if isinstance(n, str)}
        after = {n: attempt(".loc[…] = …", _located, old, rows, value) for n, old in before.items()}
        self._frame._become(changed, {**outcomes, **after})


def _nothing(value: Any) -> Any:
    model = attempt("a constant", lambda: lift(value)) if not isinstance(value, TracedSeries) else value._outcome
    return nothing_like(model) if isinstance(model, Symbol) else model


def _located(before: Any, rows: Any, value: Any) -> Symbol:
    if isinstance(before, Reason):
        raise Unexpressed(before)
    if isinstance(rows, slice) and rows == slice(None):
        return lift(value)
    if not isinstance(rows, Symbol):
        raise unexpressed("an assignment to rows by their label")
    return CHOICES["mask"](before, rows, value)


def _frame_method(name: str) -> Callable[..., Any]:
    def method(self: TracedFrame, *args: Any, **kwargs: Any) -> Any:
        inplace = kwargs.pop("inplace", False)
        value = getattr(plain(self), name)(*plain(args), **plain(kwargs))
        if value is NotImplemented:
            return value
        made = _made(self, name, value, args, kwargs)
        if inplace:
            self._become(made, made.outcomes())
            return None
        return made

    method.__name__ = name
    return method


def _made(frame: TracedFrame, name: str, value: Any, args: Any, kwargs: Any) -> Any:
    if name in _GROUPED:
        keys = args[0] if args else kwargs.get("by", ())
        width = args[0] if args and name != "groupby" else None
        return Followed(value, Chain(name, keys if name == "groupby" else (), None, width))
    if isinstance(value, pd.Series):
        return wrap(value, attempt(f"DataFrame.{name}", _across, name, frame.outcomes(), *args, **kwargs))
    if not isinstance(value, pd.DataFrame):
        return value
    return TracedFrame.of(value, _outcomes(frame, name, value, args, kwargs))


def _outcomes(frame: TracedFrame, name: str, value: pd.DataFrame, args: Any, kwargs: Any) -> Any:
    before = frame.outcomes()
    what = f"DataFrame.{name}"
    if name in _COLUMN_BY_COLUMN:
        return {c: attempt(what, _COLUMN_BY_COLUMN[name], frame[c], *args, **kwargs) for c in before}
    if name in _WITH_A_VALUE:
        return {c: _filled(what, _WITH_A_VALUE[name], frame[c], args, kwargs) for c in before}
    if name == "reset_index" and kwargs.get("drop") and value.index.equals(frame.index):
        return before
    if name in _CHOSEN and len(value) == len(frame):
        return _renamed(before, name, value, args, kwargs)
    hint = window_hint(name, [], None, None) if name in OTHER_ROWS else None
    return _kept(frame, value, Reason(what, author_line(), hint))


def _kept(frame: TracedFrame, value: pd.DataFrame, reason: Reason) -> Outcomes:
    """Columns that an operation without a rule left as they were, such as a filter that all rows pass.

    What it does to other rows is for the proof to find.
    """
    if not value.index.equals(frame.index):
        return dict.fromkeys(value.columns, reason)
    before, held = frame.outcomes(), plain(frame)
    return {c: before[c] if c in before and same_values(held[c], value[c]) else reason for c in value.columns}


def _filled(what: str, rule: Any, column: TracedSeries, args: Any, kwargs: Any) -> Any:
    value = args[0] if args else kwargs.get("value")
    if isinstance(value, Mapping):
        return attempt(what, rule, column, value[column.name]) if column.name in value else column._outcome
    return attempt(what, rule, column, *args, **kwargs)


def _renamed(before: Outcomes, name: str, value: pd.DataFrame, args: Any, kwargs: Any) -> Outcomes:
    if len(value.columns) == len(before) and name in ("rename", "add_prefix", "add_suffix"):
        return dict(zip(value.columns, before.values(), strict=True))
    return {c: before.get(c) for c in value.columns if c in before}


def _across(name: str, outcomes: Outcomes, axis: Any = 0, **options: Any) -> Symbol:
    """One value of each row, over all columns."""
    if axis not in (1, "columns") or options or name not in ("max", "min", "sum", "mean"):
        raise unexpressed(f"DataFrame.{name}({'axis=1' if axis in (1, 'columns') else ''})")
    columns = []
    for outcome in outcomes.values():
        if not isinstance(outcome, Symbol):
            raise Unexpressed(outcome)
        columns.append(outcome)
    if name in ("max", "min"):
        return reduce(fmax if name == "max" else fmin, columns)
    total = reduce(ARITHMETIC["__add__"], [_or_zero(x) for x in columns])
    if name == "sum":
        return total
    present = reduce(ARITHMETIC["__add__"], [number(CHOICES["notna"](x)) for x in columns])
    return ARITHMETIC["__truediv__"](total, present)


def _or_zero(x: Symbol) -> Symbol:
    filled: Symbol = CHOICES["fillna"](number(x), 0)
    return filled


register_frame(TracedFrame)
_AS_THEY_ARE = {"items", "keys", "to_dict", "iterrows", "itertuples", "set_flags", "info", "to_numpy"}
for _name in own_methods(TracedFrame, pd.DataFrame):
    if _name not in _AS_THEY_ARE and not isinstance(getattr(pd.DataFrame, _name), type):
        setattr(TracedFrame, _name, _frame_method(_name))
