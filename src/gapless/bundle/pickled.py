"""The fitted estimator itself as a scorer, and its pickle: the stated, slower way for what ONNX cannot express."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.errors import DefinitionError
from gapless.ports.scorer import Float32, Scores, check_rows

__all__ = ["EstimatorScorer", "answer", "dump"]


def answer(estimator: Any, kind: str) -> Callable[[Float32], npt.NDArray[np.float64]]:
    """The estimator as a function: probability of the class 1 for a classification, else the prediction; float64."""

    def probability(features: Float32) -> npt.NDArray[np.float64]:
        return np.asarray(estimator.predict_proba(features), np.float64)[:, 1]

    def prediction(features: Float32) -> npt.NDArray[np.float64]:
        return np.asarray(estimator.predict(features), np.float64).reshape(len(features))

    return probability if kind == "classification" else prediction


def dump(estimator: Any) -> bytes:
    """The estimator's pickle.

    Raises: DefinitionError where a part of it cannot be pickled, such as a lambda.
    """
    try:
        return pickle.dumps(estimator, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise DefinitionError(
            "the estimator cannot be pickled",
            seen=str(error),
            allowed="estimators made of classes and functions that stand at the top of a module",
            next_step="move lambdas and local functions of the estimator to the top of the product's module",
        ) from error


class EstimatorScorer:
    """A Scorer over a fitted estimator.

    Cost: 100 µs and more per call; holds the interpreter's lock.
    """

    def __init__(self, estimator: Any, *, kind: str, width: int, takes_missing: bool) -> None:
        self._answer, self._kind = answer(estimator, kind), kind
        self._width, self._takes_missing = width, takes_missing

    @property
    def width(self) -> int:
        return self._width

    def score(self, features: Float32) -> Scores:
        check_rows(features, self._width)
        answered = np.full(len(features), self._takes_missing) | ~np.isnan(features).any(axis=1)
        values = np.full(len(features), np.nan, np.float32)
        if answered.any():
            values[answered] = self._alike(features[answered])
        if self._kind == "regression":
            return Scores(values, None)
        return Scores((values > 0.5).astype(np.float32), values).without(~answered)

    def _alike(self, features: Float32) -> Float32:
        """A row alone is scored twice, since many libraries sum one row in another order than two."""
        rows = np.repeat(features, 2, axis=0) if len(features) == 1 else features
        return self._answer(rows)[: len(features)].astype(np.float32)
