"""Thresholds of trees that stand behind a step such as a scaler, brought back to the features.

Where the step works on each feature by itself and never decreases, a threshold t of the trees corresponds to the
largest float32 feature value that the step still maps to t or below. It is found by halving over the float32 numbers
in their order, all thresholds at once: 32 evaluations of the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gapless.bundle.trees import Ensemble
from gapless.ports.scorer import Float32

__all__ = ["acts_alone", "brought_back", "largest_left"]

Step = Callable[[Float32], Float32]
Ints = npt.NDArray[np.int64]
_BLOCK = 4_000


def acts_alone(step: Step, held_out: Float32) -> bool:
    """Whether column j of the step's result depends on feature j only, and never decreases with it, as far as seen."""
    base = held_out[:1]
    result = step(base)
    width = base.shape[1]
    if result.shape != base.shape:
        return False
    lower, higher = (step(_one_moved(base, by)) for by in (-1e3, 1e3))
    off = ~np.eye(width, dtype=bool)
    same = all(
        np.array_equal(np.broadcast_to(result, off.shape)[off], moved[off], equal_nan=True) for moved in (lower, higher)
    )
    return same and bool(np.all(np.diagonal(lower) <= np.diagonal(higher)))


def _one_moved(base: Float32, by: float) -> Float32:
    width = base.shape[1]
    rows = np.repeat(base, width, axis=0)
    rows[np.arange(width), np.arange(width)] = np.float32(by)
    return rows


def brought_back(ensemble: Ensemble, step: Step, held_out: Float32) -> Ensemble:
    """The same trees with thresholds in the space of the features."""
    branches = ensemble.branches
    threshold = ensemble.threshold.copy()
    for start in range(0, len(branches), _BLOCK):
        block = branches[start : start + _BLOCK]
        threshold[block] = _largest_below(step, ensemble.feature[block], ensemble.threshold[block], held_out)
    above = np.nextafter(threshold, np.float32(np.inf))
    below = np.nextafter(threshold, np.float32(-np.inf))
    shut_high, shut_low = np.isfinite(ensemble.high), np.isfinite(ensemble.low)
    strict = ensemble.high < ensemble.threshold
    high = np.where(shut_high, np.where(strict, below, threshold), ensemble.high)
    low = np.where(shut_low, np.where(ensemble.low > ensemble.threshold, above, threshold), ensemble.low)
    return replace(ensemble, threshold=threshold, low=low, high=high)


def _largest_below(step: Step, feature: Ints, threshold: Float32, held_out: Float32) -> Float32:
    index = np.arange(len(feature))
    base = held_out[0]
    return largest_left(lambda rows: step(rows)[index, feature] <= threshold, feature, len(base), base=base)


def largest_left(
    left: Callable[[Float32], npt.NDArray[np.bool_]], feature: Ints, width: int, *, base: Float32 | None = None
) -> Float32:
    """For each row the largest float32 of its feature with which it is `left`: -inf for never, inf for always.

    Parameters:
        left — of [n, width] rows, row by row; true for small values of `feature[i]` in row i and false for larger ones.
        base — the values of the other features; 0 where not given.
    """
    rows = np.repeat((np.zeros(width, np.float32) if base is None else base)[None, :], len(feature), axis=0)
    index = np.arange(len(feature))

    def at(ordinal: Ints) -> npt.NDArray[np.bool_]:
        rows[index, feature] = _value(ordinal)
        return left(rows)

    most = _ordinal(np.float32(np.finfo(np.float32).max))
    low, high = np.full(len(feature), -most), np.full(len(feature), most)
    never, always = ~at(low), at(high)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        found = at(middle)
        low, high = np.where(found, middle, low), np.where(found, high, middle)
    ends = np.where(always, np.float32(np.inf), _value(low))
    return np.where(never, np.float32(-np.inf), ends).astype(np.float32)


def _ordinal(value: np.float32) -> int:
    bits = int(np.array(value).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _value(ordinal: Ints) -> Float32:
    """The float32 at this place of the order …, -tiny, 0, tiny, ….

    Examples:
        >>> [float(v) for v in _value(np.array([0, 1065353216, -1065353216]))]
        [0.0, 1.0, -1.0]
    """
    bits = np.where(ordinal < 0, np.abs(ordinal) | 0x80000000, ordinal).astype(np.uint32)
    return bits.view(np.float32)
