"""Trees behind scalers, imputers and bins, as trees on the features: the same decisions, without the steps.

A scaler in front of trees changes nothing but where their thresholds stand, and computed once more by another library
it moves values that are near one to the other side. So the graph leaves the steps out, and each split x' <= t becomes
x <= u, with u the largest float32 whose x' the fitted steps and trees themselves send to the left. Found by halving
over all float32 numbers, it is exact by construction; the certificate compares with the estimator as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.bundle.behind import largest_left
from gapless.bundle.steps import Front
from gapless.bundle.trees import Moved, make_splits_exact
from gapless.ports.scorer import Float32

__all__ = ["folded"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_BLOCK = 4_000


def folded(graph: Any, model: Any, front: Front, width: int) -> bool:
    """The graph of the model alone reads features in place of what the steps in front of it make.

    Returns: False where something but trees reads them, or trees that are not scikit-learn's; the graph is of no use
        then.
    """
    readers = [node for node in graph.node if "features" in node.input]
    if not readers or not all(node.op_type.startswith("TreeEnsemble") for node in readers):
        return False
    if not make_splits_exact(graph, model, _Move(front, width)):
        return False
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = width
    return True


class _Move:
    """See `trees.Move`."""

    def __init__(self, front: Front, width: int) -> None:
        self._front, self._width = front, width

    def __call__(self, columns: Ints, left: Callable[[npt.NDArray[Any], Ints], Bools], missing_left: Bools) -> Moved:
        feature = self._front.feature[columns]
        threshold, missing = np.empty(len(columns), np.float32), missing_left.copy()
        for start in range(0, len(columns), _BLOCK):
            places = np.arange(start, min(start + _BLOCK, len(columns)))
            threshold[places] = self._thresholds(columns[places], feature[places], places, left)
            missing[places] = self._missing(columns[places], feature[places], places, left, missing_left[places])
        return Moved(feature, threshold, missing)

    def _thresholds(self, columns: Ints, feature: Ints, places: Ints, left: Any) -> Float32:
        index = np.arange(len(columns))

        def goes(rows: Float32) -> Bools:
            went: Bools = left(self._front.transform(rows)[index, columns], places)
            return went

        return largest_left(goes, feature, self._width)

    def _missing(self, columns: Ints, feature: Ints, places: Ints, left: Any, before: Bools) -> Bools:
        """Where a missing feature goes: with the value that an imputer puts in its place, or as the trees say."""
        index = np.arange(len(columns))
        rows = np.zeros((len(columns), self._width), np.float32)
        rows[index, feature] = np.nan
        try:
            seen = self._front.transform(rows)[index, columns]
        except ValueError:  # scikit-learn's way of saying that a step takes none: nobody will ask
            return before
        return np.where(np.isnan(seen), before, left(np.nan_to_num(seen), places))
