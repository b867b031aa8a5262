"""How much the main metric suffers when one feature is shuffled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.training.metrics import Metric, Scored

__all__ = ["Importance", "permutation_importance"]


@dataclass(frozen=True)
class Importance:
    """By how much the metric got worse without the feature: mean and standard deviation over the shuffles."""

    feature: str
    loss: float
    spread: float


def permutation_importance(
    score: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]],
    features: npt.NDArray[np.float32],
    truth: npt.ArrayLike,
    names: Sequence[str],
    metric: Metric,
    *,
    repeats: int = 2,
    rows: int = 5_000,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """Features by how much the metric loses when their values are shuffled among the rows, the greatest first.

    A feature whose information another one carries too shows little: the pair would have to be shuffled together.
    Where the metric is not defined, such as the AUC of rows of one class, there is nothing to lose and no feature.

    Parameters:
        score — rows of float32 features to scores.
        rows — at most so many rows are used, drawn by `seed`.

    Cost: len(names) * repeats scorings of `rows` rows.
    """
    draw = np.random.default_rng(seed)
    kept = np.sort(draw.permutation(len(features))[:rows])
    x, y = features[kept].copy(), np.asarray(truth, np.float64)[kept]
    base = _value(metric, y, score(x))
    sign = 1.0 if metric.greater_is_better else -1.0
    found = []
    for column, name in enumerate(names):
        original = x[:, column].copy()
        losses = []
        for _ in range(repeats):
            x[:, column] = draw.permutation(original)
            losses.append(sign * (base - _value(metric, y, score(x))))
        x[:, column] = original
        found.append(Importance(name, float(np.mean(losses)), float(np.std(losses))))
    return tuple(sorted((one for one in found if not math.isnan(one.loss)), key=lambda one: -one.loss))


def _value(metric: Metric, truth: npt.NDArray[np.float64], scores: npt.NDArray[Any]) -> float:
    answered = ~np.isnan(scores)
    scored = Scored(truth[answered], scores[answered])
    return metric.compute(scored, np.ones(len(scored)))
