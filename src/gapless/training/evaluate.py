"""How good scores are: with intervals, by month, by slice, and whether probabilities mean what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.clock import DAY, HOUR
from gapless.training.metrics import Metric, Scored

__all__ = ["Bin", "Estimate", "Evaluation", "Part", "evaluate"]

RESAMPLES = 200
SMALL = 200
_BLOCKS = 20  # fewer blocks than this say little about their own spread
_LARGEST_SLICES = 30

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Estimate:
    """A metric and its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Part:
    """Metrics of some of the rows. `small`: too few rows, or one class only, to conclude anything."""

    name: str
    rows: int
    metrics: Mapping[str, Estimate]
    small: bool


@dataclass(frozen=True)
class Bin:
    """Rows of similar score: their mean score and their mean truth."""

    rows: int
    score: float
    truth: float


@dataclass(frozen=True)
class Evaluation:
    """Metrics of all rows with intervals, of each month and slice value, and the calibration table.

    Parameters:
        unanswered — rows with no score; they are in no metric.
        base_rate — mean of the truth.
    """

    rows: int
    unanswered: int
    base_rate: float
    metrics: Mapping[str, Estimate]
    months: tuple[Part, ...]
    slices: Mapping[str, tuple[Part, ...]]
    calibration: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate(
    truth: npt.ArrayLike,
    score: npt.ArrayLike,
    at_us: npt.ArrayLike,
    metrics: Sequence[Metric],
    *,
    slices: Mapping[str, Sequence[Any]] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Metrics of scored rows.

    Intervals come from a bootstrap over blocks of time: rows of one day share their weather, outage or campaign, so
    resampling rows would make intervals that are too narrow. Blocks are days; hours where there are fewer than 20 days;
    rows where there are fewer than 20 hours.

    Parameters:
        truth — [n] 0/1 or values; score — [n], NaN is "no answer"; at_us — [n] time of each row.
        slices — name to [n] values, by each of which the rows are also split; the 30 largest parts are kept.
        seed — of the resamples.

    Guarantees: pure and deterministic; the order of the rows does not matter beyond the last bits.

    Cost: RESAMPLES linear passes; about a second for 100,000 rows and three metrics.
    """
    y, p, at = np.asarray(truth, np.float64), np.asarray(score, np.float64), np.asarray(at_us, np.int64)
    kept = ~np.isnan(p)
    y, p, at = y[kept], p[kept], at[kept]
    parts = {name: np.asarray(values, object)[kept] for name, values in (slices or {}).items()}
    return Evaluation(
        rows=len(y),
        unanswered=int((~kept).sum()),
        base_rate=float(y.mean()) if len(y) else math.nan,
        metrics=_estimates(y, p, at, metrics, seed),
        months=tuple(_months(y, p, at, metrics)),
        slices={name: _slices(y, p, values, metrics) for name, values in parts.items()},
        calibration=tuple(_calibration(y, p)),
    )


def _estimates(y: Array, p: Array, at: Array, metrics: Sequence[Metric], seed: int) -> dict[str, Estimate]:
    scored = Scored(y, p)
    values = [metric.compute(scored, np.ones(len(scored))) for metric in metrics]
    spread = [_interval(column) for column in zip(*_resampled(scored, at, metrics, seed), strict=True)]
    pairs = zip(metrics, values, spread or [(None, None)] * len(metrics), strict=True)
    return {metric.name: Estimate(_known(value), *ends) for metric, value, ends in pairs}


def _resampled(scored: Scored, at: Array, metrics: Sequence[Metric], seed: int) -> Iterator[list[float]]:
    blocks, count = _blocks(at[scored.order])
    if count < 2:
        return
    draw = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        times = np.bincount(draw.integers(0, count, count), minlength=count).astype(np.float64)
        weights = times[blocks]
        yield [metric.compute(scored, weights) for metric in metrics]


def _blocks(at: Array) -> tuple[Array, int]:
    for length in (DAY, HOUR):
        distinct, blocks = np.unique(at // length, return_inverse=True)
        if len(distinct) >= _BLOCKS:
            return blocks, len(distinct)
    return np.arange(len(at)), len(at)


def _interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    defined = [value for value in values if not math.isnan(value)]
    if len(defined) < len(values) // 2:
        return None, None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _months(y: Array, p: Array, at: Array, metrics: Sequence[Metric]) -> Iterator[Part]:
    months = at.astype("datetime64[us]").astype("datetime64[M]")
    for month in np.unique(months):
        yield _part(str(month), y, p, months == month, metrics)


def _slices(y: Array, p: Array, values: Array, metrics: Sequence[Metric]) -> tuple[Part, ...]:
    names = np.array(["(missing)" if value is None else str(value) for value in values])
    distinct, counts = np.unique(names, return_counts=True)
    largest = distinct[np.lexsort((distinct, -counts))][:_LARGEST_SLICES]
    return tuple(_part(str(name), y, p, names == name, metrics) for name in largest)


def _part(name: str, y: Array, p: Array, rows: Array, metrics: Sequence[Metric]) -> Part:
    scored = Scored(y[rows], p[rows])
    ones = np.ones(len(scored))
    values = {metric.name: Estimate(_known(metric.compute(scored, ones))) for metric in metrics}
    one_class = metrics[0].kind == "classification" and len(np.unique(scored.truth)) < 2
    return Part(name, len(scored), values, small=len(scored) < SMALL or one_class)


def _calibration(y: Array, p: Array) -> Iterator[Bin]:
    scored = Scored(y, p)
    for rows in np.array_split(np.arange(len(scored)), 10):
        if len(rows):
            yield Bin(len(rows), float(scored.score[rows].mean()), float(scored.truth[rows].mean()))
