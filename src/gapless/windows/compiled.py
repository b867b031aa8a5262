"""The numba kernel: specs of one input are put together by what they need; a need is one sweep over all windows.

    count any all sum mean var std   ->  small.py, or wide.py where the values are no small integers
    min, max                         ->  extremes.py, once each
    first / last, last_n             ->  picks.py
    n_unique                         ->  distinct.py

Each module is compiled or loaded when the first spec needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gapless.windows.batch import Bools, Column, Events, Floats, Input, Ints, Queries
from gapless.windows.exact import SCALE
from gapless.windows.groups import Timeline, align, timeline
from gapless.windows.window import Spec, Window

__all__ = ["run"]

_Need = tuple[str, int | None]
_MOMENTS = frozenset(["sum", "mean", "var", "std"])
_SQUARES = frozenset(["var", "std"])
_TRUTH = frozenset(["any", "all"])
_LATEST = frozenset(["last", "last_n"])


@dataclass(frozen=True)
class _Sweep:
    """One pass: specs of one input that share a structure, and their distinct windows."""

    line: Timeline
    input: Input
    specs: tuple[Spec, ...]
    windows: tuple[Window, ...]

    @property
    def functions(self) -> frozenset[str]:
        return frozenset(spec.function for spec in self.specs)

    @property
    def bits(self) -> Ints:
        return self.input.values.view(np.int64)

    def floats(self) -> Floats:
        """Room for a number per window and query."""
        return np.zeros((len(self.windows), len(self.line.at)))

    def found(self, n: int = 1) -> tuple[NDArray[Any], Bools]:
        """Room for n values of the input, and whether they are there, per window and query."""
        shape = n * len(self.windows), len(self.line.at)
        return np.zeros(shape, self.input.values.dtype), np.zeros(shape, np.bool_)

    def row(self, spec: Spec) -> int:
        return self.windows.index(spec.window)


def run(events: Events, queries: Queries, specs: Sequence[Spec]) -> list[tuple[Column, ...]]:
    """See `aggregate`."""
    keys = align(events, queries)
    results: dict[Spec, tuple[Column, ...]] = {}
    for need in dict.fromkeys(map(_need, specs)):
        mine = tuple(dict.fromkeys(spec for spec in specs if _need(spec) == need))
        windows = tuple(dict.fromkeys(spec.window for spec in mine))
        line = timeline(events, queries, keys, windows)
        results |= _SWEEPS[need[0]](_Sweep(line, _input(events, need[1]), mine, windows))
    return [results[spec] for spec in specs]


def _input(events: Events, index: int | None) -> Input:
    """Contiguous; empty where events are counted."""
    if index is None:
        return Input(np.empty(0), np.empty(0, np.bool_))
    each = events.inputs[index]
    return Input(np.ascontiguousarray(each.values), np.ascontiguousarray(each.valid))


def _need(spec: Spec) -> _Need:
    latest = spec.function in _LATEST
    shared = spec.function in ("min", "max", "first", "n_unique")
    return "latest" if latest else spec.function if shared else "moments", spec.input


_Results = dict[Spec, tuple[Column, ...]]


def _moments(sweep: _Sweep) -> _Results:
    if not sweep.functions & _MOMENTS:
        return _small(sweep, SCALE)
    low, high = _bit_span(sweep)
    if _fits(sweep, low, high):
        return _small(sweep, low)
    logical = tuple(spec for spec in sweep.specs if spec.function in _TRUTH)
    return _wide(sweep) | (_small(replace(sweep, specs=logical), SCALE) if logical else {})


def _bit_span(sweep: _Sweep) -> tuple[int, int]:
    from gapless.windows.small import bit_span

    low, high = bit_span(sweep.bits, sweep.input.valid)
    return (low, high) if low <= high else (SCALE, SCALE)


def _fits(sweep: _Sweep, low: int, high: int) -> bool:
    """Whether int64 holds every sum (and, for a variance, every numerator), and scaling by a power of two is exact."""
    rows = int((sweep.line.event_stop - sweep.line.event_start).max(initial=0))
    bits = high - low + rows.bit_length()
    if sweep.functions & _SQUARES:
        return 2 * bits <= 62 and abs(low - SCALE) <= 450
    return bits <= 62 and abs(low - SCALE) <= 900


def _small(sweep: _Sweep, low: int) -> _Results:
    """Moments in units of 2^(low - 1074)."""
    from gapless.windows.small import small_moments

    none, moments = np.empty((0, 0)), bool(sweep.functions & _MOMENTS)
    count = sweep.floats()
    true = sweep.floats() if sweep.functions & _TRUTH else none
    total, numerator = (sweep.floats(), sweep.floats()) if moments else (none, none)
    flags = len(sweep.input.valid) == 0, bool(len(true)), moments
    values = sweep.input.values.view(np.float64)  # only counted where they are opaque
    small_moments(sweep.line, values, sweep.input.valid, 2.0 ** (SCALE - low), *flags, count, true, total, numerator)
    total *= 2.0 ** (low - SCALE)
    if sweep.functions & _SQUARES:
        numerator *= 4.0 ** (low - SCALE)
    return {spec: _moment(spec, sweep.row(spec), count, true, total, numerator) for spec in sweep.specs}


def _wide(sweep: _Sweep) -> _Results:
    from gapless.windows.wide import wide_moments

    squares = bool(sweep.functions & _SQUARES)
    count, total, numerator = sweep.floats(), sweep.floats(), sweep.floats() if squares else np.empty((0, 0))
    views = total.view(np.int64), numerator.view(np.int64)  # the bits of OVERFLOW read as NaN
    wide_moments(sweep.line, sweep.bits, sweep.input.valid, squares, count, *views)
    specs = [spec for spec in sweep.specs if spec.function not in _TRUTH]
    return {spec: _moment(spec, sweep.row(spec), count, count, total, numerator) for spec in specs}


def _moment(spec: Spec, row: int, count: Floats, true: Floats, total: Floats, numerator: Floats) -> tuple[Column, ...]:
    n = count[row]
    if spec.function == "count":
        return (Column(n, np.ones(len(n), np.bool_)),)
    if spec.function in _TRUTH:
        return (_truth(spec.function, n, true[row]),)
    if spec.function == "sum":
        return (_known(total[row], n > 0),)
    if spec.function == "mean":
        return (_known(_ratio(total[row], n), n > 0),)
    variance = _ratio(numerator[row], n * (n - 1))
    return (_known(np.sqrt(variance) if spec.function == "std" else variance, n > 1),)


def _truth(function: str, n: Floats, true: Floats) -> Column:
    some = n > 0
    return Column((true > 0) if function == "any" else (true == n) & some, some)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


def _known(values: Floats, some: Bools) -> Column:
    lost = np.isnan(values)
    if lost.any():
        return Column(np.where(lost, 0.0, values), some & ~lost)
    return Column(values, some)


def _extreme(sweep: _Sweep) -> _Results:
    from gapless.windows.extremes import extremes

    values, found = sweep.found()
    flip = -1 if sweep.functions == {"min"} else 0
    extremes(sweep.line, sweep.bits, sweep.input.valid, flip, values.view(np.int64), found)
    return _picked(sweep, values, found)


def _picked(sweep: _Sweep, values: NDArray[Any], found: Bools, n: int = 1) -> _Results:
    rows = {spec: range(n * sweep.row(spec), n * sweep.row(spec) + spec.width) for spec in sweep.specs}
    return {spec: tuple(Column(values[row], found[row]) for row in rows[spec]) for spec in sweep.specs}


def _first(sweep: _Sweep) -> _Results:
    from gapless.windows.picks import firsts

    values, found = sweep.found()
    firsts(sweep.line, sweep.bits, sweep.input.valid, values.view(np.int64), found)
    return _picked(sweep, values, found)


def _latest(sweep: _Sweep) -> _Results:
    from gapless.windows.picks import latests

    n = max(spec.width for spec in sweep.specs)
    values, found = sweep.found(n)
    latests(sweep.line, sweep.bits, sweep.input.valid, values.view(np.int64), found)
    return _picked(sweep, values, found, n)


def _n_unique(sweep: _Sweep) -> _Results:
    from gapless.windows.distinct import distinct

    out = sweep.floats()
    distinct(sweep.line, sweep.bits, sweep.input.valid, not sweep.input.opaque, out)
    return _picked(sweep, out, np.ones(out.shape, np.bool_))


_SWEEPS = {
    "moments": _moments,
    "min": _extreme,
    "max": _extreme,
    "first": _first,
    "latest": _latest,
    "n_unique": _n_unique,
}
