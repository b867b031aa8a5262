"""What depends on other rows: numbers over a column, and how grouped columns came about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from gapless.adopting.hints import author_line, window_hint
from gapless.adopting.symbols import Reason

__all__ = ["Chain", "Statistic"]


class Chain:
    """How a grouped or rolling object came about, for the hint."""

    def __init__(self, what: str, keys: Any = (), column: Any = None, width: Any = None) -> None:
        self.what, self.column, self.width = what, column, width
        self.keys = [keys] if isinstance(keys, str) else [k for k in keys if isinstance(k, str)]

    def reason(self, name: str, args: Any = ()) -> Reason:
        """Why the result of its method is no property of a row."""
        function = args[0] if args and isinstance(args[0], str) and name in ("transform", "agg", "apply") else name
        column = self.column if isinstance(self.column, str) else None
        width = self.width if isinstance(self.width, str) else None
        return Reason(f"{self.what}.{name}", author_line(), window_hint(function, self.keys, column, width))


class Statistic(np.float64):
    """One number over many rows; whatever is computed with it is no property of a row either."""

    reason: Reason

    @classmethod
    def of(cls, value: float, reason: Reason) -> Statistic:
        """A number with the reason."""
        made = cls(value)
        made.reason = reason
        return made


def _statistic_operator(name: str) -> Callable[..., Any]:
    def operate(self: Statistic, *others: Any) -> Any:
        if any(isinstance(other, pd.Series | pd.DataFrame) for other in others):
            return NotImplemented
        made = getattr(np.float64, name)(np.float64(self), *others)
        return Statistic.of(float(made), self.reason) if isinstance(made, float | np.number) else made

    return operate


for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    for _name in (f"__{_operator}__", f"__r{_operator}__"):
        setattr(Statistic, _name, _statistic_operator(_name))
for _name in ("__neg__", "__abs__"):
    setattr(Statistic, _name, _statistic_operator(_name))
