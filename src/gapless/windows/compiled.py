"""The numba kernel: specs of one input are put together by what they need, and each need is one sweep over all their windows.

    count any all sum mean var std   ->  small.py, or wide.py where the values are no small integers
    min, max                         ->  extremes.py, once each
    first / last, last_n             ->  picks.py
    n_unique                         ->  distinct.py

Each module is compiled or loaded when the first spec needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gapless.windows.batch import Bools, Column, Events, Floats, Ints, Queries
from gapless.windows.exact import SCALE
from gapless.windows.groups import Groups, align
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

    groups: Groups
    events: Events
    queries: Queries
    specs: tuple[Spec, ...]
    windows: tuple[Window, ...]

    @property
    def functions(self) -> frozenset[str]:
        return frozenset(spec.function for spec in self.specs)

    @property
    def args(self) -> tuple[Ints, ...]:
        """What every kernel takes first."""
        width = [-1 if w.width_us is None else w.width_us for w in self.windows]
        hop = [w.hop_us or 1 for w in self.windows]
        times = (self.events.event_time, self.events.visible_from, self.queries.at)
        columns = (*self.groups, *times, np.array(width, np.int64), np.array(hop, np.int64))
        return tuple(np.ascontiguousarray(column) for column in columns)

    @property
    def input(self) -> tuple[NDArray[Any], Bools]:
        index = self.specs[0].input
        if index is None:
            return np.empty(0), np.empty(0, np.bool_)
        each = self.events.inputs[index]
        return np.ascontiguousarray(each.values), np.ascontiguousarray(each.valid)

    def zeros(self, dtype: type[Any], rows: int = 1) -> NDArray[Any]:
        return np.zeros((rows * len(self.windows), len(self.queries)), dtype)

    def row(self, spec: Spec) -> int:
        return self.windows.index(spec.window)


def run(events: Events, queries: Queries, specs: Sequence[Spec]) -> list[tuple[Column, ...]]:
    """See `aggregate`."""
    groups = align(events, queries)
    results: dict[Spec, tuple[Column, ...]] = {}
    for need in dict.fromkeys(map(_need, specs)):
        mine = tuple(dict.fromkeys(spec for spec in specs if _need(spec) == need))
        windows = tuple(dict.fromkeys(spec.window for spec in mine))
        results |= _SWEEPS[need[0]](_Sweep(groups, events, queries, mine, windows))
    return [results[spec] for spec in specs]


def _need(spec: Spec) -> _Need:
    latest = spec.function in _LATEST
    shared = spec.function in ("min", "max", "first", "n_unique")
    return "latest" if latest else spec.function if shared else "moments", spec.input


_Results = dict[Spec, tuple[Column, ...]]


def _moments(sweep: _Sweep) -> _Results:
    if not sweep.functions & _MOMENTS:
        return _tally(sweep, (), SCALE)
    values, valid = sweep.input
    low, high = _bit_span(values, valid)
    if _fits(sweep, low, high):
        return _tally(sweep, sweep.functions & _MOMENTS, low)
    logical = tuple(spec for spec in sweep.specs if spec.function in _TRUTH)
    exact = _wide(sweep)
    return (
        exact | _tally(_Sweep(sweep.groups, sweep.events, sweep.queries, logical, sweep.windows), (), SCALE)
        if logical
        else exact
    )


def _bit_span(values: Floats, valid: Bools) -> tuple[int, int]:
    from gapless.windows.small import bit_span

    low, high = bit_span(values.view(np.int64), valid)
    return (low, high) if low <= high else (SCALE, SCALE)


def _fits(sweep: _Sweep, low: int, high: int) -> bool:
    """Whether int64 holds every sum (and, for a variance, every numerator), and scaling by a power of two is exact."""
    rows = int((sweep.groups.event_stop - sweep.groups.event_start).max(initial=0))
    bits = high - low + rows.bit_length()
    if sweep.functions & _SQUARES:
        return 2 * bits <= 62 and abs(low - SCALE) <= 450
    return bits <= 62 and abs(low - SCALE) <= 900


def _tally(sweep: _Sweep, moments: Sequence[str] | frozenset[str], low: int) -> _Results:
    from gapless.windows.small import small_moments

    values, valid = sweep.input
    none = np.empty((0, 0))
    count = sweep.zeros(np.float64)
    true = sweep.zeros(np.float64) if sweep.functions & _TRUTH else none
    total, numerator = (sweep.zeros(np.float64), sweep.zeros(np.float64)) if moments else (none, none)
    flags = (sweep.specs[0].input is None, bool(len(true)), bool(moments))
    small_moments(*sweep.args, values.view(np.float64), valid, 2.0 ** (SCALE - low), *flags, count, true, total, numerator)
    if moments:
        total *= 2.0 ** (low - SCALE)
    if sweep.functions & _SQUARES:
        numerator *= 4.0 ** (low - SCALE)
    return {spec: _moment(spec, sweep.row(spec), count, true, total, numerator) for spec in sweep.specs}


def _wide(sweep: _Sweep) -> _Results:
    from gapless.windows.wide import wide_moments

    values, valid = sweep.input
    squares = bool(sweep.functions & _SQUARES)
    count, total = sweep.zeros(np.float64), sweep.zeros(np.int64)
    numerator = sweep.zeros(np.int64) if squares else np.empty((0, 0), np.int64)
    wide_moments(*sweep.args, values.view(np.int64), valid, squares, count, total, numerator)
    total, numerator = total.view(np.float64), numerator.view(np.float64)  # the bits of OVERFLOW read as NaN
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

    values, valid = sweep.input
    best, found = sweep.zeros(np.int64), sweep.zeros(np.bool_)
    flip = -1 if sweep.functions == {"min"} else 0
    extremes(*sweep.args, values.view(np.int64), valid, flip, best, found)
    return _picked(sweep, best.view(np.float64), found)


def _picked(sweep: _Sweep, values: NDArray[Any], found: Bools, n: int = 1) -> _Results:
    rows = {spec: range(n * sweep.row(spec), n * sweep.row(spec) + spec.width) for spec in sweep.specs}
    return {spec: tuple(Column(values[row], found[row]) for row in rows[spec]) for spec in sweep.specs}


def _first(sweep: _Sweep) -> _Results:
    from gapless.windows.picks import firsts

    values, valid = sweep.input
    bits, found = sweep.zeros(np.int64), sweep.zeros(np.bool_)
    firsts(*sweep.args, values.view(np.int64), valid, bits, found)
    return _picked(sweep, bits.view(values.dtype), found)


def _latest(sweep: _Sweep) -> _Results:
    from gapless.windows.picks import latests

    values, valid = sweep.input
    n = max(spec.width for spec in sweep.specs)
    bits, found = sweep.zeros(np.int64, n), sweep.zeros(np.bool_, n)
    latests(*sweep.args, values.view(np.int64), valid, bits, found)
    return _picked(sweep, bits.view(values.dtype), found, n)


def _n_unique(sweep: _Sweep) -> _Results:
    from gapless.windows.distinct import distinct

    values, valid = sweep.input
    out = sweep.zeros(np.float64)
    distinct(*sweep.args, values.view(np.int64), valid, values.dtype == np.float64, out)
    return _picked(sweep, out, np.ones(out.shape, np.bool_))


_SWEEPS = {
    "moments": _moments,
    "min": _extreme,
    "max": _extreme,
    "first": _first,
    "latest": _latest,
    "n_unique": _n_unique,
}
