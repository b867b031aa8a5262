"""The NumPy kernel: no compiler, and a second oracle. It writes out every (query, event) pair, a chunk at a time.

    query     0  0  0  1  1  2      row     which query
    event     4  5  6  5  6  9      index   which event; kept where it is visible and its input is valid
                     |      |
                     last   last    within a query the pairs are in event order: the last of a run is the latest event

Cost: O(pairs); a query over a window of a million events costs a million steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gapless.windows.batch import Bools, Column, Events, Floats, Ints, Queries
from gapless.windows.exact import SCALE, rounded_square, rounded_sum
from gapless.windows.window import BEGINNING, Spec, Window

__all__ = ["run"]

_PAIRS = 1 << 20
_MASK = (1 << 32) - 1
_LIMBS = (2 * SCALE) // 32 + 2  # of a sum: 2098 bits, a count of terms, a sign
_Chunk = list[tuple[NDArray[Any], Bools]]


@dataclass(frozen=True)
class _Pairs:
    """The events of each of `queries` queries, in event order."""

    row: Ints
    index: Ints
    queries: int

    def where(self, keep: Bools) -> _Pairs:
        return _Pairs(self.row[keep], self.index[keep], self.queries)

    def counts(self) -> Ints:
        return np.bincount(self.row, minlength=self.queries)


def run(events: Events, queries: Queries, specs: Sequence[Spec]) -> list[tuple[Column, ...]]:
    """See `aggregate`."""
    results: list[list[_Chunk]] = [[] for _ in specs]
    for window in dict.fromkeys(spec.window for spec in specs):
        mine = [number for number, spec in enumerate(specs) if spec.window == window]
        for pairs in _chunks(events, queries, window):
            for number in mine:
                results[number].append(_compute(events, pairs, specs[number]))
    return [_columns(chunks, spec, events) for chunks, spec in zip(results, specs, strict=True)]


def _chunks(events: Events, queries: Queries, window: Window) -> Iterator[_Pairs]:
    """At least one, so that the results have a type even where there are no queries."""
    first, last = _bounds(events, queries, window)
    edges = np.concatenate([[0], np.cumsum(last - first)])
    start = 0
    while True:
        stop = max(int(np.searchsorted(edges, edges[start] + _PAIRS, "right")) - 1, start + 1)
        stop = min(stop, len(queries))
        pairs = _pairs(first[start:stop], (last - first)[start:stop])
        yield pairs.where(events.visible_from[pairs.index] <= queries.at[start:stop][pairs.row])
        start = stop
        if start >= len(queries):
            return


def _pairs(first: Ints, length: Ints) -> _Pairs:
    row = np.repeat(np.arange(len(first)), length)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return _Pairs(row, first[row] + offset, len(first))


def _bounds(events: Events, queries: Queries, window: Window) -> tuple[Ints, Ints]:
    """Rows of events of the query's key in [lower, at): all that may be visible."""
    start, stop = (np.searchsorted(events.key, queries.key, side) for side in ("left", "right"))
    return _search(events.event_time, start, stop, _lower(queries.at, window)), _search(
        events.event_time, start, stop, queries.at
    )


def _lower(at: Ints, window: Window) -> Ints:
    if window.width_us is None:
        return np.full(len(at), BEGINNING)
    hop = window.hop_us or 1
    return (at - window.width_us) // hop * hop


def _search(times: Ints, low: Ints, high: Ints, wanted: Ints) -> Ints:
    """The first row in [low, high) with times >= wanted, else high; one binary search per query, all in step."""
    low, high = low.astype(np.int64), high.astype(np.int64)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        before = np.zeros(len(low), np.bool_)
        before[open_] = times[middle[open_]] < wanted[open_]
        low = np.where(open_ & before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return low


def _compute(events: Events, pairs: _Pairs, spec: Spec) -> _Chunk:
    if spec.input is None:
        return _COMPUTE["count"](pairs, np.empty(0))
    each = events.inputs[spec.input]
    known = pairs.where(each.valid[pairs.index])
    if spec.function == "last_n":
        return _last_n(known, each.values, spec.n)
    return _COMPUTE[spec.function](known, each.values)


def _count(pairs: _Pairs, values: NDArray[Any]) -> _Chunk:
    return [(pairs.counts().astype(np.float64), np.ones(pairs.queries, np.bool_))]


def _sum(pairs: _Pairs, values: Floats) -> _Chunk:
    totals, counts = _totals(pairs, values), pairs.counts()
    return _optional(rounded_sum(total) if n else None for total, n in zip(totals, counts.tolist(), strict=True))


def _optional(values: Iterator[float | None]) -> _Chunk:
    listed = list(values)
    filled = np.array([0.0 if value is None else value for value in listed], np.float64)
    return [(filled, np.array([value is not None for value in listed], np.bool_))]


def _mean(pairs: _Pairs, values: Floats) -> _Chunk:
    [(total, valid)] = _sum(pairs, values)
    return [(total / np.maximum(pairs.counts(), 1), valid)]


def _var(pairs: _Pairs, values: Floats) -> _Chunk:
    counts = pairs.counts()
    numerators = zip(_totals(pairs, values), _squares(pairs, values), counts.tolist(), strict=True)
    [(numerator, valid)] = _optional(rounded_square(n * q - s * s) if n > 1 else None for s, q, n in numerators)
    return [(numerator / np.maximum(counts * (counts - 1), 1), valid)]


def _std(pairs: _Pairs, values: Floats) -> _Chunk:
    [(variance, valid)] = _var(pairs, values)
    return [(np.sqrt(variance), valid)]


def _parts(values: Floats) -> tuple[Ints, Ints]:
    """Mantissa with sign, and the exponent of its lowest bit above 2^-1074: value = mantissa * 2^(exponent - 1074)."""
    bits = values.view(np.int64)
    field = bits >> 52 & 0x7FF
    mantissa = (bits & ((1 << 52) - 1)) | np.where(field > 0, 1 << 52, 0)
    return np.where(bits < 0, -mantissa, mantissa), np.maximum(field, 1) - 1


def _totals(pairs: _Pairs, values: Floats) -> list[int]:
    mantissa, exponent = _parts(np.ascontiguousarray(values[pairs.index]))
    limbs = np.zeros((pairs.queries, _LIMBS), np.int64)
    _deposit(limbs, pairs.row, mantissa, exponent)
    return _integers(limbs)


def _squares(pairs: _Pairs, values: Floats) -> list[int]:
    """Squares of 53 bits as products of halves of 27 and 26: each fits an int64."""
    mantissa, exponent = _parts(np.ascontiguousarray(values[pairs.index]))
    high, low = np.abs(mantissa) >> 27, np.abs(mantissa) & ((1 << 27) - 1)
    limbs = np.zeros((pairs.queries, 2 * _LIMBS), np.int64)
    for product, shift in ((low * low, 0), (2 * high * low, 27), (high * high, 54)):
        _deposit(limbs, pairs.row, product, 2 * exponent + shift)
    return _integers(limbs)


def _deposit(limbs: Ints, row: Ints, mantissa: Ints, exponent: Ints) -> None:
    """Add mantissa * 2^exponent, at most 63 bits, to the limbs of its row: three pieces of 32 bits."""
    sign, size = np.sign(mantissa), np.abs(mantissa).astype(np.uint64)
    limb, shift = exponent >> 5, (exponent & 31).astype(np.uint64)
    mask, width = np.uint64(_MASK), np.uint64(32)
    low, rest = size & mask, size >> width
    middle = (low << shift >> width) + (rest << shift & mask)  # below 2^33
    for place, piece in enumerate((low << shift & mask, middle, rest << shift >> width)):
        np.add.at(limbs, (row, limb + place), sign * piece.astype(np.int64))


def _integers(limbs: Ints) -> list[int]:
    carry = np.zeros(len(limbs), np.int64)
    for place in range(limbs.shape[1]):
        total = limbs[:, place] + carry
        limbs[:, place], carry = total & _MASK, total >> 32
    digits = limbs.astype("<u4")
    whole = 32 * limbs.shape[1]
    return [
        int.from_bytes(row.tobytes(), "little") + (top << whole)
        for row, top in zip(digits, carry.tolist(), strict=True)
    ]


def _order(values: Floats) -> Ints:
    """Integers that sort as the floats do, -0.0 below 0.0. Its own inverse, read as bits."""
    bits = values.view(np.int64)
    return bits ^ (bits >> 63 & np.int64(2**63 - 1))


def _extreme(reduce: Callable[[Ints, Ints], Ints]) -> Callable[[_Pairs, Floats], _Chunk]:
    def compute(pairs: _Pairs, values: Floats) -> _Chunk:
        counts = pairs.counts()
        some = counts > 0
        best = np.zeros(pairs.queries, np.int64)
        if some.any():
            starts = (np.cumsum(counts) - counts)[some]
            best[some] = reduce(_order(np.ascontiguousarray(values[pairs.index])), starts)
        return [(_order(best.view(np.float64)).view(np.float64), some)]

    return compute


def _picked(pairs: _Pairs, values: NDArray[Any], place: Ints, valid: Bools) -> tuple[NDArray[Any], Bools]:
    picked = np.zeros(pairs.queries, values.dtype)
    picked[valid] = values[pairs.index[place[valid]]]
    return picked, valid


def _first(pairs: _Pairs, values: NDArray[Any]) -> _Chunk:
    counts = pairs.counts()
    return [_picked(pairs, values, np.cumsum(counts) - counts, counts > 0)]


def _last_n(pairs: _Pairs, values: NDArray[Any], n: int) -> _Chunk:
    counts = pairs.counts()
    return [_picked(pairs, values, np.cumsum(counts) - 1 - back, counts > back) for back in range(n)]


def _n_unique(pairs: _Pairs, values: NDArray[Any]) -> _Chunk:
    _, code = np.unique(values[pairs.index], return_inverse=True)
    distinct = np.unique(pairs.row * (code.max(initial=0) + 1) + code)
    counts = np.bincount(distinct // (code.max(initial=0) + 1), minlength=pairs.queries)
    return [(counts.astype(np.float64), np.ones(pairs.queries, np.bool_))]


def _any(pairs: _Pairs, values: Floats) -> _Chunk:
    true = pairs.where(values[pairs.index] != 0).counts()
    return [(true > 0, pairs.counts() > 0)]


def _all(pairs: _Pairs, values: Floats) -> _Chunk:
    false = pairs.where(values[pairs.index] == 0).counts()
    some = pairs.counts() > 0
    return [((false == 0) & some, some)]


_COMPUTE: dict[str, Callable[[_Pairs, NDArray[Any]], _Chunk]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "var": _var,
    "std": _std,
    "min": _extreme(np.minimum.reduceat),
    "max": _extreme(np.maximum.reduceat),
    "first": _first,
    "last": lambda pairs, values: _last_n(pairs, values, 1),
    "n_unique": _n_unique,
    "any": _any,
    "all": _all,
}


def _columns(chunks: list[_Chunk], spec: Spec, events: Events) -> tuple[Column, ...]:
    return tuple(
        Column(np.concatenate([chunk[place][0] for chunk in chunks]), np.concatenate([c[place][1] for c in chunks]))
        for place in range(spec.width)
    )
