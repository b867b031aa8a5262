"""A Series that knows its expression: pandas computes every value, a rule beside it what that means in gapless.

What has no rule still runs, and its result says why it is no expression; so one such column does not hide the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from gapless.adopting.constants import lift
from gapless.adopting.exploring import explored
from gapless.adopting.hints import author_line
from gapless.adopting.mapping import RULES as CHOICES
from gapless.adopting.numpy_rules import FUNCTIONS, UFUNCS
from gapless.adopting.other_rows import Chain, Statistic
from gapless.adopting.symbols import Reason, Symbol, Unexpressed, unexpressed
from gapless.adopting.texts import CASTS
from gapless.adopting.texts import RULES as TEXTS
from gapless.adopting.times import RULES as TIMES
from gapless.adopting.times import TAKEN
from gapless.errors import GaplessError

__all__ = [
    "WINDOWED",
    "Accessor",
    "Followed",
    "TracedSeries",
    "attempt",
    "lifted",
    "operand",
    "plain",
    "register_frame",
    "wrap",
]

Outcome = Symbol | Reason
_UNFOLLOWED = Reason("values that were made outside pandas operations")
WINDOWED = ("GroupBy", "Rolling", "Expanding", "Window", "Resampler", "ExponentialMovingWindow")
_frame_class: list[Any] = []


def register_frame(cls: Any) -> None:
    """Tells which class wraps frames: it lies in a module above this one."""
    _frame_class[:] = [cls]


def plain(value: Any) -> Any:
    """The same without expressions, through lists and dicts."""
    if isinstance(value, TracedSeries):
        return pd.Series(value)
    if _frame_class and isinstance(value, _frame_class[0]):
        return pd.DataFrame(value)
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    return value


def operand(value: Any) -> Any:
    """What a rule gets for an argument: a symbol for a column, other values as they are.

    Raises: Unexpressed where a column has none.
    """
    if isinstance(value, TracedSeries):
        return value.symbol()
    if isinstance(value, pd.Series | pd.DataFrame | np.ndarray | pd.Index):
        raise Unexpressed(_UNFOLLOWED)
    if type(value) in (list, tuple):
        return type(value)(operand(item) for item in value)
    return value


def attempt(what: str, rule: Callable[..., Any] | None, *args: Any, **kwargs: Any) -> Any:
    """What the rule gives, or the reason why there is nothing."""
    try:
        if rule is None:
            raise unexpressed(what)
        return rule(*(operand(a) for a in args), **{name: operand(v) for name, v in kwargs.items()})
    except Unexpressed as error:
        reason = error.reason
    except GaplessError as error:
        reason = Reason(f"{what}: {error.what}", hint=error.next_step)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        reason = Reason(f"{what} with these arguments ({error})")
    return reason if reason.where else Reason(reason.what, author_line(), reason.hint)


def wrap(value: Any, outcome: Any) -> Any:
    """The result of an operation with what is known of it."""
    if isinstance(value, pd.Series):
        made = TracedSeries(value)
        made._outcome = _agreeing(value, outcome)
        return made
    if isinstance(value, pd.DataFrame):
        return _frame_class[0].of(value, outcome)
    if type(value).__name__.endswith(WINDOWED):
        return Followed(value, Chain(type(value).__name__))
    if isinstance(outcome, Reason) and isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return Statistic.of(float(value), outcome)
    return value


def _agreeing(value: pd.Series, outcome: Any) -> Outcome:
    """A whole number that pandas holds as a float may be missing from then on."""
    if isinstance(outcome, Symbol):
        return outcome.but(kind="float") if outcome.kind == "int" and value.dtype.kind == "f" else outcome
    return outcome if isinstance(outcome, Reason) else _UNFOLLOWED


class TracedSeries(pd.Series):  # type: ignore[misc]  # pandas ships no types
    """A Series with the expression of its values, or the reason why there is none."""

    _outcome: Outcome = _UNFOLLOWED

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(plain(data), *plain(args), **plain(kwargs))
        if isinstance(data, TracedSeries):
            self._outcome = data._outcome

    def symbol(self) -> Symbol:
        """Raises: Unexpressed."""
        if isinstance(self._outcome, Symbol):
            return self._outcome
        raise Unexpressed(self._outcome)

    def _become(self, value: pd.Series, outcome: Outcome) -> None:
        object.__setattr__(self, "_mgr", value._mgr)
        self._outcome = outcome

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        value = getattr(ufunc, method)(*plain(inputs), **plain(options))
        name = f"np.{ufunc.__name__}"
        rule = lifted(UFUNCS.get(ufunc.__name__)) if method == "__call__" and not options else None
        return wrap(value, attempt(name, rule, *inputs))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        value = func(*plain(args), **plain(kwargs))
        if isinstance(value, np.ndarray) and value.shape == (len(self),):
            value = pd.Series(value, index=self.index)
        return wrap(value, attempt(f"np.{func.__name__}", FUNCTIONS.get(func.__name__), *args, **kwargs))

    @property
    def values(self) -> Any:
        """Itself: an array would lose what is known."""
        return self

    def to_numpy(self, *args: Any, **kwargs: Any) -> Any:
        """Itself, unless a dtype is asked for."""
        return plain(self).to_numpy(*args, **kwargs) if args or kwargs else self

    def ravel(self, *args: Any) -> Any:
        """Itself."""
        return self

    def reshape(self, *shape: int) -> Any:
        """NumPy's own array: what is known ends here."""
        return plain(self).to_numpy().reshape(*shape)

    @property
    def str(self) -> Any:
        """Texts."""
        return Accessor(self, "str")

    @property
    def dt(self) -> Any:
        """Times."""
        return Accessor(self, "dt")

    @property
    def cat(self) -> Any:
        """Categories."""
        return Accessor(self, "cat")

    @property
    def loc(self) -> Any:
        """Rows where a condition holds."""
        return Located(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        changed = plain(self).copy()
        changed[plain(key)] = plain(value)
        self._become(changed, attempt("an assignment to some rows", _assigned, self, key, value))

    def apply(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """A function of one value, followed along its branches."""
        value = plain(self).apply(plain(func), *args, **kwargs)
        if isinstance(func, np.ufunc) and not (args or kwargs):
            return wrap(value, attempt(f"np.{func.__name__}", UFUNCS.get(func.__name__), self))
        return wrap(value, attempt("apply", _by_row, self, func, *args, **kwargs))

    def map(self, func: Any = None, *args: Any, **kwargs: Any) -> Any:
        """A dict, or a function of one value."""
        if callable(func):
            return wrap(plain(self).map(func, *args, **kwargs), attempt("map", _by_row, self, func, **kwargs))
        table = dict(func) if type(func) is pd.Series else func
        return wrap(plain(self).map(plain(func), *args, **kwargs), attempt("map", CHOICES["map"], self, table))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Another type."""
        value = plain(self).astype(dtype, *args, **kwargs)
        return wrap(value, attempt(f"astype({dtype!r})", CASTS.get(str(value.dtype)), self))

    def pipe(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """`func(self)`."""
        return func(self, *args, **kwargs)


def lifted(rule: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """The rule for arguments that may be constants."""
    return None if rule is None else lambda *args: rule(*(lift(a) for a in args))


def _by_row(x: Symbol, func: Any, **options: Any) -> Symbol:
    if options:
        raise unexpressed("a function of one value with options")
    return explored(func, x)


def _assigned(x: Symbol, key: Any, value: Any) -> Symbol:
    rule: Callable[..., Symbol] = CHOICES["mask"]
    if not isinstance(key, Symbol):
        raise unexpressed("an assignment to rows by their label")
    return rule(x, key, value)


class Located:
    """`.loc` of a Series."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getitem__(self, key: Any) -> Any:
        return wrap(plain(self._series).loc[plain(key)], Reason("some rows by .loc", author_line()))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._series[key] = value


class Accessor:
    """`.str`, `.dt` and `.cat`: every attribute is pandas' own with a rule beside it, where there is one."""

    def __init__(self, series: TracedSeries, name: str) -> None:
        self._series, self._name = series, name
        self._real = getattr(plain(series), name)

    def __getattr__(self, name: str) -> Any:
        value, what = getattr(self._real, name), f".{self._name}.{name}"
        if callable(value):
            return lambda *args, **kwargs: self._call(name, value, args, kwargs)
        if self._name == "cat":
            return wrap(value, Reason(what, author_line(), "fix the list of values: r.x.position_in([…])"))
        return wrap(value, attempt(what, TAKEN.get(name) if self._name == "dt" else None, self._series))

    def __getitem__(self, item: Any) -> Any:
        return wrap(self._real[item], attempt(".str[]", TEXTS["__getitem__"], self._series, item))

    def _call(self, name: str, method: Any, args: Any, kwargs: Any) -> Any:
        value, what = method(*plain(args), **plain(kwargs)), f".{self._name}.{name}"
        if name == "isocalendar":
            week = attempt(what, TIMES["isocalendar.week"], self._series)
            other = Reason(f"{what}().year and .day", author_line(), "take .dt.weekday")
            return _frame_class[0].of(value, {"year": other, "week": week, "day": other})
        rules = {"str": TEXTS, "dt": TIMES}.get(self._name, {})
        return wrap(value, attempt(what, rules.get(name), self._series, *args, **kwargs))


class Followed:
    """A grouped, rolling or resampled object: pandas' own, whose results say that they look at other rows."""

    def __init__(self, real: Any, chain: Chain) -> None:
        self._real, self._chain = real, chain

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value):
            chain = Chain(self._chain.what, self._chain.keys, name, self._chain.width)
            return Followed(value, chain) if type(value).__name__.endswith(WINDOWED) else value
        return lambda *args, **kwargs: self._result(name, value(*plain(args), **plain(kwargs)), args)

    def __getitem__(self, key: Any) -> Any:
        return Followed(self._real[key], Chain(self._chain.what, self._chain.keys, key, self._chain.width))

    def __iter__(self) -> Any:
        return iter(self._real)

    def _result(self, name: str, value: Any, args: Any) -> Any:
        if type(value).__name__.endswith(WINDOWED):
            width = args[0] if args else None
            return Followed(value, Chain(f"{self._chain.what}.{name}", self._chain.keys, self._chain.column, width))
        return wrap(value, self._chain.reason(name, args))
