"""The methods and operators of pandas that a traced Series takes over, each with its rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from gapless.adopting.arithmetic import RULES as ARITHMETIC
from gapless.adopting.hints import OTHER_ROWS, author_line, statistic_hint
from gapless.adopting.mapping import RULES as CHOICES
from gapless.adopting.other_rows import Chain
from gapless.adopting.symbols import Reason
from gapless.adopting.tracing import WINDOWED, Followed, TracedSeries, attempt, lifted, plain, wrap

__all__ = ["own_methods"]

_RAW_OPERANDS = {"round"}
_OF_ALL = {
    "median",
    "quantile",
    "mode",
    "unique",
    "value_counts",
    "rank",
    "skew",
    "sem",
    "idxmax",
    "idxmin",
    "factorize",
}


def _method(name: str) -> Callable[..., Any]:
    rule = ARITHMETIC.get(name) or CHOICES.get(name)
    if name in ARITHMETIC and name not in _RAW_OPERANDS:
        rule = lifted(rule)

    def method(self: TracedSeries, *args: Any, **kwargs: Any) -> Any:
        inplace = kwargs.pop("inplace", False)
        value = getattr(plain(self), name)(*plain(args), **plain(kwargs))
        if value is NotImplemented:
            return value
        if type(value).__name__.endswith(WINDOWED):
            return Followed(value, Chain(f"Series.{name}", (), self.name, args[0] if args else None))
        made = wrap(value, _outcome_of(name, rule, self, args, kwargs))
        if inplace:
            self._become(made, made._outcome)
            return None
        return made

    method.__name__ = name
    return method


def _outcome_of(name: str, rule: Any, self: TracedSeries, args: Any, kwargs: Any) -> Any:
    if rule is None and name in OTHER_ROWS:
        column = self.name if isinstance(self.name, str) else None
        return Reason(f"Series.{name}", author_line(), statistic_hint(name, column))
    if rule is None:
        hint = "it looks at all rows of the sample: compute it once and write the number" if name in _OF_ALL else None
        return Reason(f"Series.{name}", author_line(), hint)
    return attempt(f"Series.{name.strip('_')}", rule, self, *args, **kwargs)


def own_methods(cls: Any, base: Any) -> Mapping[str, Any]:
    """The public methods of pandas and its operators that the class does not define itself."""
    names = [n for n in dir(base) if not n.startswith("_") and callable(getattr(base, n, None))]
    operators = [n for n in ARITHMETIC if n.startswith("__")]
    return {n: getattr(base, n) for n in (*names, *operators) if n not in vars(cls)}


_AS_THEY_ARE = {"items", "keys", "to_list", "tolist", "to_dict", "item", "set_flags"}
for _name in own_methods(TracedSeries, pd.Series):
    if _name not in _AS_THEY_ARE and not isinstance(getattr(pd.Series, _name), type):
        setattr(TracedSeries, _name, _method(_name))
