"""Metrics of scored rows, weighted, so that a resample is a vector of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.errors import Site
from gapless.product.metrics import METRIC_KINDS, Kind, check_metric_names

__all__ = ["METRICS", "Metric", "Scored", "check_metrics"]

Floats = npt.NDArray[np.float64]


class Scored:
    """Truth and score of rows, ordered by score once, so that every resample is linear.

    Parameters:
        truth — [n] 0 or 1, or the value of a regression.
        score — [n] the probability, or the predicted value.

    Attributes:
        order — the permutation that was applied; weights are given in that order.
    """

    def __init__(self, truth: npt.ArrayLike, score: npt.ArrayLike) -> None:
        scores = np.asarray(score, np.float64)
        self.order = np.argsort(scores, kind="stable")
        self.score: Floats = scores[self.order]
        self.truth: Floats = np.asarray(truth, np.float64)[self.order]
        # Where each run of equal scores ends: ties count half in a ranking.
        self.ends = np.flatnonzero(np.append(self.score[1:] != self.score[:-1], True)[: len(self.score)])

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Metric:
    """A number for scored rows under weights; NaN where it is not defined, such as the AUC of one class."""

    name: str
    kind: Kind
    greater_is_better: bool
    compute: Callable[[Scored, Floats], float]


def _grouped(scored: Scored, weights: Floats) -> tuple[Floats, Floats]:
    """Summed weight of positives and negatives for each distinct score, rising."""
    positive = np.cumsum(weights * scored.truth)[scored.ends]
    total = np.cumsum(weights)[scored.ends]
    positives = np.diff(positive, prepend=0.0)
    return positives, np.diff(total, prepend=0.0) - positives


def _roc_auc(scored: Scored, weights: Floats) -> float:
    positives, negatives = _grouped(scored, weights)
    below = np.cumsum(negatives) - negatives
    return _ratio(float(positives @ (below + negatives / 2)), float(positives.sum() * negatives.sum()))


def _average_precision(scored: Scored, weights: Floats) -> float:
    positives, negatives = (part[::-1] for part in _grouped(scored, weights))
    found = np.cumsum(positives)
    seen = found + np.cumsum(negatives)
    precision = np.divide(found, seen, out=np.zeros_like(seen), where=seen > 0)
    return _ratio(float(positives @ precision), float(positives.sum()))


def _log_loss(scored: Scored, weights: Floats) -> float:
    tiny = np.finfo(np.float64).eps
    p = np.clip(scored.score, tiny, 1 - tiny)
    return _average(-np.where(scored.truth > 0.5, np.log(p), np.log1p(-p)), weights)


def _brier(scored: Scored, weights: Floats) -> float:
    return _average((scored.score - scored.truth) ** 2, weights)


def _accuracy(scored: Scored, weights: Floats) -> float:
    return _average((scored.score > 0.5) == (scored.truth > 0.5), weights)


def _calibration_error(scored: Scored, weights: Floats) -> float:
    """Mean gap of score and truth over ten bins of equal weight."""
    total = weights.sum()
    if total <= 0:
        return float("nan")
    bins = np.minimum((np.cumsum(weights) - weights / 2) / total * 10, 9).astype(np.int64)
    gaps = np.bincount(bins, weights * (scored.score - scored.truth), minlength=10)
    return float(np.abs(gaps).sum() / total)


def _rmse(scored: Scored, weights: Floats) -> float:
    return float(np.sqrt(_brier(scored, weights)))


def _mae(scored: Scored, weights: Floats) -> float:
    return _average(np.abs(scored.score - scored.truth), weights)


def _r2(scored: Scored, weights: Floats) -> float:
    spread = (scored.truth - _average(scored.truth, weights)) ** 2
    around = _average(spread, weights)
    return 1 - _ratio(_brier(scored, weights), around)


def _average(values: npt.NDArray[Any], weights: Floats) -> float:
    return _ratio(float(values @ weights), float(weights.sum()))


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")


METRICS: Mapping[str, Metric] = {
    m.name: m
    for m in (
        Metric("roc_auc", METRIC_KINDS["roc_auc"], True, _roc_auc),
        Metric("average_precision", METRIC_KINDS["average_precision"], True, _average_precision),
        Metric("log_loss", METRIC_KINDS["log_loss"], False, _log_loss),
        Metric("brier", METRIC_KINDS["brier"], False, _brier),
        Metric("accuracy", METRIC_KINDS["accuracy"], True, _accuracy),
        Metric("calibration_error", METRIC_KINDS["calibration_error"], False, _calibration_error),
        Metric("rmse", METRIC_KINDS["rmse"], False, _rmse),
        Metric("mae", METRIC_KINDS["mae"], False, _mae),
        Metric("r2", METRIC_KINDS["r2"], True, _r2),
    )
}


def check_metrics(names: Iterable[str], kind: Kind, *, where: Site | None = None) -> tuple[Metric, ...]:
    """The metrics of these names.

    Parameters:
        where — the author's line, for errors.

    Raises: UnknownName; DefinitionError for one that does not fit the label.

    Examples:
        >>> [metric.name for metric in check_metrics(["roc_auc", "brier"], "classification")]
        ['roc_auc', 'brier']
    """
    chosen = tuple(names)
    check_metric_names(chosen, kind, where=where)
    return tuple(METRICS[name] for name in chosen)
