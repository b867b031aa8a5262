"""Columns of a ColumnTransformer by the names of features, as places in the vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gapless.errors import DefinitionError, UnknownName

__all__ = ["with_places"]


def with_places(estimator: Any, names: Sequence[str]) -> None:
    """Every ColumnTransformer that sees the features themselves chooses by place what the author chose by name.

    scikit-learn knows names of a DataFrame's columns alone, and estimators are fitted on the vector as scorers see it.

    Raises: UnknownName for a name that is no feature of the vector; DefinitionError for names in a later step, or a
        choice by a function, which would be given a DataFrame.
    """
    first, later = list(_first(estimator)), list(_all(estimator))
    for each in first:
        each.transformers = [(name, step, _places(columns, names)) for name, step, columns in each.transformers]
    for each in later:
        if any(_by_name(columns) or callable(columns) for _, _, columns in each.transformers):
            raise DefinitionError(
                "a ColumnTransformer chooses columns in a way that only the first step can",
                seen=[columns for _, _, columns in each.transformers],
                allowed="names of features in the first step; places (0, 1, …) in a later one",
                next_step="put the ColumnTransformer first, or choose by place",
            )


def _first(estimator: Any) -> Iterator[Any]:
    """Those that get the features as they are."""
    if _chooses(estimator):
        yield estimator
    elif hasattr(estimator, "steps"):
        yield from _first(estimator.steps[0][1]) if estimator.steps else ()
    elif hasattr(estimator, "transformer_list"):
        for _, one in estimator.transformer_list:
            yield from _first(one)
    elif hasattr(estimator, "get_params"):
        inner = estimator.get_params(deep=False)
        for name in ("estimator", "regressor", "base_estimator"):
            if hasattr(inner.get(name), "get_params"):
                yield from _first(inner[name])


def _all(estimator: Any) -> Iterator[Any]:
    if not hasattr(estimator, "get_params"):
        return
    if _chooses(estimator):
        yield estimator
    for value in estimator.get_params(deep=True).values():
        if _chooses(value):
            yield value


def _chooses(estimator: Any) -> bool:
    return type(estimator).__name__ == "ColumnTransformer" and hasattr(estimator, "transformers")


def _by_name(columns: Any) -> bool:
    return isinstance(columns, str) or (
        isinstance(columns, list | tuple) and any(isinstance(one, str) for one in columns)
    )


def _places(columns: Any, names: Sequence[str]) -> Any:
    if not _by_name(columns):
        return columns
    chosen = [columns] if isinstance(columns, str) else list(columns)
    for name in chosen:
        if name not in names:
            raise UnknownName("feature that a ColumnTransformer chooses", str(name), names)
    return [list(names).index(name) for name in chosen]
