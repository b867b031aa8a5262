"""Rows that look for a difference between two implementations of one model.

Held-out rows hardly ever lie on a split, and that is where two implementations of a tree part. So for each branch node
a held-out row is moved, just far enough, until it arrives at that node, and its feature is then put on the threshold,
one float32 step below, one above, and to missing:

    root: f3 <= 0.5 ─┬─ f1 <= 7.25 ─┬─ …          the row is given f3 <= 0.5 (if it has not that already)
                     │              └─ …          and f1 = 7.2499995, 7.25, 7.2500005, NaN
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gapless.bundle.trees import Ensemble
from gapless.ports.scorer import Float32

__all__ = ["Probes", "critical_probes", "edge_probes", "held_out_probes", "split_probes", "splits_to_probe"]

Ints = npt.NDArray[np.int64]
_BLOCK_NODES = 4_000
_BLOCK_ROWS = 16_000
_LARGEST = np.finfo(np.float32).max
_SMALLEST = np.nextafter(np.float32(0), np.float32(1))


@dataclass(frozen=True, eq=False)
class Probes:
    """Rows of features that were made for one reason."""

    origin: str
    rows: Float32


def held_out_probes(held_out: Float32) -> Iterator[Probes]:
    """The held-out rows as they are, then with every value one float32 step lower, then higher."""
    for start in range(0, len(held_out), _BLOCK_ROWS):
        block = held_out[start : start + _BLOCK_ROWS]
        yield Probes("held-out", block)
    sample = held_out[:_BLOCK_ROWS]
    for origin, towards in (("held-out, one step down", -np.inf), ("held-out, one step up", np.inf)):
        moved = np.nextafter(sample, np.float32(towards), dtype=np.float32)
        yield Probes(origin, np.where(np.isfinite(moved), moved, sample))


def edge_probes(held_out: Float32, *, missing: bool, unbounded: bool) -> Iterator[Probes]:
    """A few held-out rows with one feature at a time, and all at once, put on values that are often handled apart.

    Parameters:
        missing — also NaN.
        unbounded — also the largest float32; else ten times the observed range beyond it. Sums of products overflow
            float32 where float64 does not, without anything being wrong with the conversion.
    """
    values = {
        "zero": np.float32(0),
        "minus zero": np.float32(-0.0),
        "smallest": _SMALLEST,
        "minus smallest": -_SMALLEST,
    }
    for origin, value in values.items():
        yield Probes(origin, _replaced(held_out, np.full(held_out.shape[1], value, np.float32)))
    low, high = _beyond(held_out, unbounded)
    yield Probes("far below", _replaced(held_out, low))
    yield Probes("far above", _replaced(held_out, high))
    if missing:
        yield Probes("missing", _replaced(held_out, np.full(held_out.shape[1], np.nan, np.float32)))


def critical_probes(critical: Iterable[tuple[int, Float32]], held_out: Float32) -> Iterator[Probes]:
    """Held-out rows with one feature put on a value at which a step decides otherwise, and on its neighbours.

    Parameters:
        critical — (feature, values).
    """
    for feature, values in critical:
        up, down = np.float32(np.inf), np.float32(-np.inf)
        above = np.nextafter(values, up)
        around = np.concatenate([np.nextafter(values, down), values, above, np.nextafter(above, up)])
        around = np.unique(around[np.isfinite(around)])
        rows = held_out[np.arange(len(around)) % len(held_out)].copy()
        rows[:, feature] = around
        yield Probes("around an edge of a step", rows)


def _beyond(held_out: Float32, unbounded: bool) -> tuple[Float32, Float32]:
    width = held_out.shape[1]
    if unbounded:
        return np.full(width, -_LARGEST, np.float32), np.full(width, _LARGEST, np.float32)
    present = np.isfinite(held_out)
    low = np.min(held_out, axis=0, where=present, initial=0.0)
    high = np.max(held_out, axis=0, where=present, initial=0.0)
    margin = 10 * (high - low)
    return (low - margin).astype(np.float32), (high + margin).astype(np.float32)


def _replaced(held_out: Float32, values: Float32) -> Float32:
    """One row per feature with that feature replaced, on differing base rows, and a last one with all replaced."""
    width = len(values)
    rows: Float32 = held_out[np.arange(width + 1) % len(held_out)].copy()
    rows[np.arange(width), np.arange(width)] = values
    rows[width] = values
    return rows


def splits_to_probe(ensemble: Ensemble, limit: int) -> Ints:
    """Branch nodes to probe, at most `limit`: first one of each different (feature, threshold), then the others."""
    branches = ensemble.branches
    pairs = np.rec.fromarrays([ensemble.feature[branches], ensemble.threshold[branches].view(np.int32)])
    _, first = np.unique(pairs, return_index=True)
    others = np.setdiff1d(np.arange(len(branches)), first, assume_unique=True)
    chosen = np.concatenate([_spread(first, limit), _spread(others, max(0, limit - len(first)))])
    nodes: Ints = branches[np.sort(chosen)]
    return nodes


def _spread(items: Ints, limit: int) -> Ints:
    if len(items) <= limit:
        return items
    return items[np.linspace(0, len(items) - 1, limit).astype(np.int64)] if limit else items[:0]


def split_probes(ensemble: Ensemble, nodes: Ints, held_out: Float32, *, missing: bool) -> Iterator[Probes]:
    """For each of these branch nodes a row that arrives there, at each place around its threshold.

    A threshold that no finite value surrounds (a split of missing against present) is probed where it can be, a node
    that no finite row arrives at not at all.
    """
    for start in range(0, len(nodes), _BLOCK_NODES):
        block = nodes[start : start + _BLOCK_NODES]
        rows = _arriving(ensemble, block, held_out[(start + np.arange(len(block))) % len(held_out)])
        reached = ~np.isinf(rows).any(axis=1)
        for origin, values in _around(ensemble.threshold[block], missing):
            probe, usable = rows.copy(), reached & ~(np.abs(values) >= _LARGEST)
            probe[np.arange(len(block)), ensemble.feature[block]] = values
            yield Probes(origin, probe[usable])


def _around(threshold: Float32, missing: bool) -> Sequence[tuple[str, Float32]]:
    around = [
        ("one step below a threshold", np.nextafter(threshold, np.float32(-np.inf))),
        ("on a threshold", threshold),
        ("one step above a threshold", np.nextafter(threshold, np.float32(np.inf))),
    ]
    return [*around, ("missing at a split", np.full_like(threshold, np.nan))] if missing else around


def _arriving(ensemble: Ensemble, nodes: Ints, base: Float32) -> Float32:
    """The base rows, changed in the features that their way from the root to the node asks for, and only there."""
    low, high = _ways(ensemble, nodes, base.shape[1])
    free = (low == -np.inf) & (high == np.inf)
    inside = free | ((base >= low) & (base <= high))
    return np.where(inside, base, np.where(np.isfinite(high), high, low))


def _ways(ensemble: Ensemble, nodes: Ints, width: int) -> tuple[Float32, Float32]:
    """The closed interval of each feature that leads to each node, by walking all of them up at once."""
    low = np.full((len(nodes), width), -np.inf, np.float32)
    high = np.full((len(nodes), width), np.inf, np.float32)
    at, row = nodes, np.arange(len(nodes))
    while len(at):
        above = ensemble.parent[at]
        at, above, row = at[above >= 0], above[above >= 0], row[above >= 0]
        feature = ensemble.feature[above]
        least, most = _passed(ensemble, above, ensemble.true[above] == at)
        low[row, feature] = np.maximum(low[row, feature], least)
        high[row, feature] = np.minimum(high[row, feature], most)
        at = above
    return low, high


def _passed(ensemble: Ensemble, branch: Ints, true: npt.NDArray[np.bool_]) -> tuple[Float32, Float32]:
    """The interval that goes the way taken: the branch's own, or what lies on its other side."""
    low, high = ensemble.low[branch], ensemble.high[branch]
    infinity = np.float32(np.inf)
    other_low = np.where(high < infinity, np.nextafter(high, infinity), -infinity)
    other_high = np.where(low > -infinity, np.nextafter(low, -infinity), infinity)
    return np.where(true, low, other_low), np.where(true, high, other_high)
