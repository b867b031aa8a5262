"""What a feature view may compute: one constructor for each aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gapless.clock import format_duration, parse_duration
from gapless.errors import DefinitionError, TypeMismatch
from gapless.expr import Expr
from gapless.schema import Type
from gapless.windows import FUNCTIONS, Window, default_hop_us

__all__ = [
    "Aggregate",
    "Span",
    "all",
    "any",
    "count",
    "first",
    "last",
    "last_n",
    "max",
    "mean",
    "min",
    "n_unique",
    "std",
    "sum",
    "var",
]

Duration = str | timedelta


@dataclass(frozen=True)
class Span:
    """A window and the label that ends the feature's name; no label, no ending."""

    label: str | None
    window: Window


@dataclass(frozen=True)
class Aggregate:
    """One aggregation of one input over one or more windows; made by `gl.count`, `gl.mean` and their kin."""

    function: str
    input: Expr | None
    where: Expr | None
    spans: tuple[Span, ...]
    n: int = 1

    @property
    def type(self) -> Type:
        """The type of the value it gives."""
        kind = FUNCTIONS[self.function].result
        if kind == "same":
            assert self.input is not None
            return self.input.type
        return Type.BOOL if kind == "bool" else Type.FLOAT


def count(
    input: Expr | None = None, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """Events in the window; with an input, those where it is not null. 0 for an empty window."""
    return _windowed("count", input, windows, where, hop)


def sum(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """The exact sum, rounded once; null for an empty window or on overflow."""
    return _windowed("sum", input, windows, where, hop)


def mean(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """The exact sum, rounded, over the count; of a bool, the share that is true. Null for an empty window."""
    return _windowed("mean", input, windows, where, hop)


def var(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """The sample variance (n - 1) from exact moments; null below two values."""
    return _windowed("var", input, windows, where, hop)


def std(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """The square root of `var`."""
    return _windowed("std", input, windows, where, hop)


def min(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """The smallest value; null for an empty window."""
    return _windowed("min", input, windows, where, hop)


def max(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """The largest value; null for an empty window."""
    return _windowed("max", input, windows, where, hop)


def any(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """Whether one value is true; null for an empty window."""
    return _windowed("any", input, windows, where, hop)


def all(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """Whether every value is true; null for an empty window."""
    return _windowed("all", input, windows, where, hop)


def n_unique(
    input: Expr, *, windows: Sequence[Duration], where: Expr | None = None, hop: Duration | None = None
) -> Aggregate:
    """How many distinct values; exact, so its state grows with them. 0 for an empty window."""
    return _windowed("n_unique", input, windows, where, hop)


def first(
    input: Expr,
    *,
    windows: Sequence[Duration] | None = None,
    max_age: Duration | None = None,
    where: Expr | None = None,
    hop: Duration | None = None,
) -> Aggregate:
    """The earliest value that is not null; `max_age` bounds it exactly, neither bound means since forever."""
    return _latest("first", input, windows, max_age, where, hop)


def last(
    input: Expr,
    *,
    windows: Sequence[Duration] | None = None,
    max_age: Duration | None = None,
    where: Expr | None = None,
    hop: Duration | None = None,
) -> Aggregate:
    """The latest value that is not null; `max_age` bounds it exactly, neither bound means since forever."""
    return _latest("last", input, windows, max_age, where, hop)


def last_n(
    input: Expr,
    *,
    n: int,
    windows: Sequence[Duration] | None = None,
    max_age: Duration | None = None,
    where: Expr | None = None,
    hop: Duration | None = None,
) -> Aggregate:
    """The latest `n` values as n features `NAME_1` (latest) to `NAME_n`; null where there are fewer."""
    if not isinstance(n, int) or not 1 <= n <= 100:
        raise DefinitionError("last_n keeps a bounded number of values", seen=n, allowed="n from 1 to 100")
    return _latest("last_n", input, windows, max_age, where, hop, n)


def _windowed(
    function: str,
    input: Expr | None,
    windows: Sequence[Duration],
    where: Expr | None,
    hop: Duration | None,
    n: int = 1,
) -> Aggregate:
    if isinstance(windows, (str, timedelta)) or not windows:
        raise DefinitionError(
            f"{function} needs a list of windows",
            seen=windows,
            allowed='one or more durations, such as windows=["1h", "7d"]',
            next_step=f"write windows=[{windows!r}]" if windows else "name at least one window",
        )
    _check_input(function, input)
    _check_where(function, where)
    return Aggregate(function, input, where, tuple(_span(w, hop) for w in windows), n)


def _latest(
    function: str,
    input: Expr,
    windows: Sequence[Duration] | None,
    max_age: Duration | None,
    where: Expr | None,
    hop: Duration | None,
    n: int = 1,
) -> Aggregate:
    if windows is not None and max_age is not None:
        raise DefinitionError(
            f"{function} has two bounds",
            seen=f"windows={windows!r}, max_age={max_age!r}",
            allowed="windows= or max_age=, or neither",
            next_step="keep max_age= for one exact bound",
        )
    if windows is not None:
        return _windowed(function, input, windows, where, hop, n)
    if hop is not None:
        raise DefinitionError(f"{function} without windows has no hop", seen=hop, next_step="leave hop= out")
    _check_input(function, input)
    _check_where(function, where)
    width = None if max_age is None else parse_duration(max_age)
    return Aggregate(function, input, where, (Span(None, Window(width, 0)),), n)


def _span(width: Duration, hop: Duration | None) -> Span:
    width_us = parse_duration(width)
    hop_us = default_hop_us(width_us) if hop is None else 0 if hop == "exact" else parse_duration(hop)
    if width_us < hop_us:
        raise DefinitionError(
            "a window is shorter than its hop",
            seen=f"window {format_duration(width_us)}, hop {format_duration(hop_us)}",
            allowed=f"a window of at least {format_duration(hop_us)}, a shorter hop, or hop='exact'",
            next_step="widen the window, or pass hop='exact' to keep single events",
        )
    return Span(width if isinstance(width, str) else format_duration(width_us), Window(width_us, hop_us))


def _check_input(function: str, input: object) -> None:
    rule = FUNCTIONS[function]
    if input is None and not rule.needs_input:
        return
    if not isinstance(input, Expr):
        raise TypeMismatch(
            f"{function} aggregates an expression over the row",
            seen=input,
            allowed="a column such as d.dep_delay, or an expression such as d.dep_delay > 15",
            next_step="build the input from the argument of the function",
        )
    accepted = [kind.value for kind in Type if kind is not Type.INT and _accepts(function, kind)]
    if input.type.value not in accepted:
        raise TypeMismatch(
            f"{function} does not take this type",
            seen=input.type.value,
            allowed=", ".join(accepted),
            next_step="compare or convert first, for example d.carrier == 'AA'",
        )


def _accepts(function: str, kind: Type) -> bool:
    accepts = FUNCTIONS[function].accepts
    return {Type.FLOAT: "float", Type.BOOL: "bool"}.get(kind, "opaque") in accepts


def _check_where(function: str, where: object) -> None:
    if where is None or (isinstance(where, Expr) and where.type is Type.BOOL):
        return
    raise TypeMismatch(
        f"where= of {function} must be true or false for each row",
        seen=where.type.value if isinstance(where, Expr) else where,
        allowed="a bool expression such as d.dep_delay > 15",
        next_step="compare the value with something",
    )
