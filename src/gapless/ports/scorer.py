"""Scoring: features of requests in, predictions out, whatever runs the estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gapless.errors import InputError

__all__ = ["Float32", "GraphRuntime", "Scorer", "Scores", "check_rows"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model answers for n rows; NaN is "no answer" for that row.

    Parameters:
        prediction — [n]: the predicted value; for a classification 1 where the probability is above one half, else 0.
        probability — [n]: the probability that the label is true; None for a regression.
    """

    prediction: Float32
    probability: Float32 | None

    @property
    def main(self) -> Float32:
        """What metrics are computed from: the probability where there is one, else the prediction."""
        return self.prediction if self.probability is None else self.probability

    def without(self, rows: npt.NDArray[np.bool_]) -> Scores:
        """The same with no answer where `rows` is true."""
        nan = np.float32(np.nan)
        probability = None if self.probability is None else np.where(rows, nan, self.probability)
        return Scores(np.where(rows, nan, self.prediction), probability)


class Scorer(Protocol):
    """A model version that is ready to answer.

    Guarantees, of every implementation: pure; a row's answer has the same bits alone and in any batch; safe to call
        from several threads; a row with a NaN has no answer where the estimator does not take missing values.
    """

    @property
    def width(self) -> int:
        """How many features a row has."""
        ...

    def score(self, features: Float32) -> Scores:
        """The answers for rows of features [n, width], in their order; NaN is a missing feature.

        Raises: InputError where the shape or the element type differs.
        """
        ...


class GraphRuntime(Protocol):
    """What can run ONNX."""

    def run(self, model: bytes) -> Callable[[Float32], Mapping[str, Float32]]:
        """The graph as a function from its input `features` [n, k] to its outputs by name.

        Raises: CorruptData for bytes that cannot be loaded.
        """
        ...

    def scorer(self, model: bytes, *, takes_missing: bool, smallest_batch: int) -> Scorer:
        """A graph with the outputs `prediction` and perhaps `probability` as a scorer.

        Parameters:
            takes_missing — where False, rows with a NaN have no answer.
            smallest_batch — fewer rows are repeated up to this: a row alone then has the bits that it has in a batch.
        """
        ...


def check_rows(features: Float32, width: int) -> None:
    """Raises InputError unless these are float32 rows of that width."""
    if features.ndim != 2 or features.shape[1] != width or features.dtype != np.float32:
        raise InputError(
            "rows that this model cannot score",
            seen=f"{features.dtype} {list(features.shape)}",
            allowed=f"float32 [n, {width}]",
            next_step="make them with gapless.features.float32_matrix and the feature names of the bundle's manifest",
        )
