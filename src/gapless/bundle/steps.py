"""The transformers in front of a model, as far as gapless understands them: which feature each column comes from.

A step is understood where every column of its result comes from one column of its input and never decreases with it:
scalers, imputers, bins, selections of columns. Then a threshold behind it is a threshold on a feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.bundle.behind import largest_left
from gapless.bundle.trees import ceil32
from gapless.ports.scorer import Float32

__all__ = ["Front", "critical_values", "front_of", "named_steps", "without_steps"]

Ints = npt.NDArray[np.int64]
Transform = Callable[[Float32], npt.NDArray[Any]]
_ALONE = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Binarizer")


@dataclass(frozen=True)
class Front:
    """Everything in front of a model.

    Parameters:
        transform — rows of features to what the model sees, by the fitted steps themselves.
        feature — of each column that the model sees.
    """

    transform: Transform
    feature: Ints


def without_steps(estimator: Any) -> tuple[list[tuple[str, Any]], Any]:
    """(the fitted transformers in order, the model behind them)."""
    if not hasattr(estimator, "steps"):
        return [], estimator
    steps = [(name, step) for name, step in estimator.steps[:-1] if not _passes(step)]
    inner, model = without_steps(estimator.steps[-1][1])
    return [*steps, *inner], model


def front_of(estimator: Any, width: int) -> Front | None:
    """The steps in front of the model, where all of them are understood; None else, and where there is none."""
    steps = [step for _, step in without_steps(estimator)[0]]
    feature = _through_all(steps, np.arange(width))
    return None if feature is None or not steps else Front(_composed(steps), feature)


def named_steps(estimator: Any) -> list[str]:
    """The transformers, for a person: "scale (StandardScaler)", those within others included."""
    return [f"{name} ({type(step).__name__})" for name, step in _leaves(without_steps(estimator)[0])]


def leaves(estimator: Any) -> Iterator[tuple[str, Any]]:
    """The fitted transformers that hold no others, by name."""
    return _leaves(without_steps(estimator)[0])


def _leaves(steps: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, step in steps:
        inner = _members(step)
        if inner:
            yield from _leaves(inner)
        elif not _passes(step):
            yield name, step


def _members(step: Any) -> list[tuple[str, Any]]:
    if hasattr(step, "transformers_"):
        return [(name, each) for name, each, _ in step.transformers_ if each != "drop"]
    if hasattr(step, "transformer_list"):
        return [(name, each) for name, each in step.transformer_list if each != "drop"]
    return list(getattr(step, "steps", []))


def _passes(step: Any) -> bool:
    if step is None or isinstance(step, str):
        return step != "drop"
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def _through(step: Any, feature: Ints) -> Ints | None:
    """The feature behind each column of a step's result, from those of its input."""
    if _passes(step) or type(step).__name__ in _ALONE:
        return feature
    kind = type(step).__name__
    if kind == "Pipeline":
        return _through_all([inner for _, inner in step.steps], feature)
    if kind == "SimpleImputer" and not step.add_indicator:
        kept = np.full(len(feature), step.keep_empty_features) | ~np.isnan(np.asarray(step.statistics_, np.float64))
        return feature[kept]
    if kind == "KBinsDiscretizer" and step.encode == "ordinal":
        return feature
    if kind == "ColumnTransformer" and not step.transformer_weights:
        return _through_columns(step, feature)
    return None


def _through_all(steps: Sequence[Any], feature: Ints) -> Ints | None:
    found: Ints | None = feature
    for step in steps:
        found = None if found is None else _through(step, found)
    return found


def _through_columns(step: Any, feature: Ints) -> Ints | None:
    parts: list[Ints] = []
    for _, inner, columns in step.transformers_:
        if inner == "drop":
            continue
        found = _through(inner, feature[_places(columns, len(feature))])
        if found is None:
            return None
        parts.append(found)
    return np.concatenate(parts) if parts else feature[:0]


def _places(columns: Any, width: int) -> Ints:
    return np.atleast_1d(np.arange(width)[columns])


def _composed(steps: Sequence[Any]) -> Transform:
    def transform(rows: Float32) -> npt.NDArray[Any]:
        found: Any = rows
        with np.errstate(over="ignore", invalid="ignore"):
            for step in steps:
                found = step.transform(found)
                found = found.toarray() if hasattr(found, "toarray") else found
        return np.asarray(found)

    return transform


# ---- values of features at which a step jumps ----------------------------------------------------


def critical_values(estimator: Any, width: int) -> Iterator[tuple[int, Float32]]:
    """(feature, the largest values below which a step decides otherwise): edges of bins, codes, limits.

    Steps behind something that is not understood are left out: what they decide is no matter of one feature.
    """
    steps, _ = without_steps(estimator)
    yield from _critical([step for _, step in steps], np.arange(width), [], width)


def _critical(steps: Sequence[Any], feature: Ints, before: list[Any], width: int) -> Iterator[tuple[int, Float32]]:
    for step in steps:
        inner = _members(step) if hasattr(step, "transformers_") else []
        for (_, each), (_, _, columns) in zip(inner, _kept(step), strict=True) if inner else ():
            chosen = _places(columns, len(feature))
            yield from _critical([each], feature[chosen], [*before, _Chosen(chosen)], width)
        if hasattr(step, "steps"):
            yield from _critical([one for _, one in step.steps], feature, before, width)
        for column, limits in _limits(step):
            yield int(feature[column]), _brought_back(before, column, int(feature[column]), limits, width)
        through = _through(step, feature)
        if through is None:
            return
        feature, before = through, [*before, step]


def _kept(step: Any) -> list[Any]:
    return [each for each in step.transformers_ if each[1] != "drop"]


@dataclass(frozen=True)
class _Chosen:
    """Some columns, as a step."""

    columns: Ints

    def transform(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return rows[:, self.columns]


def _limits(step: Any) -> Iterator[tuple[int, Float32]]:
    """(column, values at which the step jumps)."""
    kind = type(step).__name__
    if kind == "KBinsDiscretizer":
        yield from ((i, ceil32(np.asarray(edges, np.float64))) for i, edges in enumerate(step.bin_edges_))
    elif kind in ("OneHotEncoder", "OrdinalEncoder"):
        for i, categories in enumerate(step.categories_):
            codes = np.asarray(categories, np.float64)
            yield i, codes[np.isfinite(codes)].astype(np.float32)
    elif kind == "Binarizer":
        yield from ((i, np.array([step.threshold], np.float32)) for i in range(step.n_features_in_))


def _brought_back(before: Sequence[Any], column: int, feature: int, limits: Float32, width: int) -> Float32:
    """The largest value of the feature that is still below each limit."""
    transform = _composed(before)

    def left(rows: Float32) -> npt.NDArray[np.bool_]:
        return np.asarray(transform(rows)[:, column] < limits)

    return largest_left(left, np.full(len(limits), feature), width)
