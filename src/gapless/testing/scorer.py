"""What every Scorer keeps, as one check for ours and for a stranger's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gapless.errors import BugError, InputError
from gapless.ports.scorer import Float32, Scorer, Scores

__all__ = ["check_scorer"]


def check_scorer(factory: Callable[[], Scorer], rows: Float32) -> None:
    """Returns where the scorer keeps the contract of `gapless.ports.scorer.Scorer` on these rows.

    Parameters:
        factory — makes the scorer; called twice.
        rows — at least 8 rows of features [n, width], some with NaN.

    Raises: BugError naming what is not kept.
    """
    scorer = factory()
    together = scorer.score(rows)
    _require(scorer.width == rows.shape[1], "width is the number of features")
    _require(_shapes(together, len(rows)), "float32 vectors, one answer per row")
    _require(_same(together, scorer.score(rows.copy())), "the same rows have the same answers")
    _require(_same(together, factory().score(rows)), "another scorer of the same model has the same answers")
    for size in (1, 2, 3, 7):
        parts = [scorer.score(rows[i : i + size]) for i in range(0, len(rows), size)]
        _require(_same(together, _joined(parts)), f"a row has the same bits in batches of {size}")
    _require(len(scorer.score(rows[:0]).prediction) == 0, "no rows have no answers")
    for wrong in (rows[:, 1:], rows.astype(np.float64), rows[0]):
        _require(_refused(scorer, wrong), f"{wrong.dtype} {list(wrong.shape)} is refused with InputError")


def _require(kept: bool, what: str) -> None:
    if not kept:
        raise BugError(f"a scorer does not keep its contract: {what}")


def _shapes(scores: Scores, rows: int) -> bool:
    values = [scores.prediction] + ([] if scores.probability is None else [scores.probability])
    return all(one.shape == (rows,) and one.dtype == np.float32 for one in values)


def _same(one: Scores, other: Scores) -> bool:
    pairs = [(one.prediction, other.prediction), (one.main, other.main)]
    return all(left.tobytes() == right.tobytes() for left, right in pairs)


def _joined(parts: list[Scores]) -> Scores:
    probabilities = [part.probability for part in parts if part.probability is not None]
    prediction = np.concatenate([part.prediction for part in parts])
    return Scores(prediction, np.concatenate(probabilities) if probabilities else None)


def _refused(scorer: Scorer, rows: Any) -> bool:
    try:
        scorer.score(rows)
    except InputError:
        return True
    return False
