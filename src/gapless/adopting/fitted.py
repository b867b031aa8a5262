"""Adopting what scikit-learn has fitted: every output column with the constants that were learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gapless.adopting.estimators import written_estimator
from gapless.adopting.fitted_rules import COLUMNWISE, SPREADING, TOGETHER
from gapless.adopting.frames import TracedFrame
from gapless.adopting.modules import rebound
from gapless.adopting.numpy_rules import UFUNCS
from gapless.adopting.pandas_functions import quiet, report_of
from gapless.adopting.proof import Effort
from gapless.adopting.report import Adoption
from gapless.adopting.samples import sample_of
from gapless.adopting.skeleton import Skeleton
from gapless.adopting.symbols import Reason, Symbol, Unexpressed, number
from gapless.adopting.tracing import TracedSeries, attempt
from gapless.errors import DefinitionError, UserCodeError
from gapless.product.boundary import call_author

__all__ = ["adopt_fitted", "is_fitted"]

_KEEP = "keep it inside the estimator's pipeline"


@dataclass(frozen=True)
class _Columns:
    """The columns between two steps: their outcomes, and their values on the sample."""

    outcomes: Sequence[Any]
    values: Any


def is_fitted(thing: Any) -> bool:
    """Whether it is something of scikit-learn that transforms, or a pipeline."""
    return (
        not isinstance(thing, type)
        and hasattr(thing, "get_params")
        and (hasattr(thing, "transform") or hasattr(thing, "steps"))
    )


def adopt_fitted(thing: Any, frame: Any, *, skeleton: Skeleton, effort: Effort) -> Adoption:
    """Every output column of a fitted transformer or pipeline; an estimator at its end becomes a factory.

    Raises: DefinitionError for a pipeline without a transformer; UserCodeError where it does not take the sample.
    """
    steps, estimator = _parts(thing)
    sample = sample_of(frame)
    names = list(getattr(thing, "feature_names_in_", sample.frame.columns))
    lacking = [name for name in names if name not in sample.columns]
    if not steps or lacking:
        raise DefinitionError(
            f"{type(thing).__name__} cannot be adopted with this sample",
            seen=f"the sample lacks {', '.join(map(str, lacking))}" if lacking else "no step that transforms",
            allowed="a fitted transformer, ColumnTransformer or Pipeline, and a sample with its input columns",
        )

    def run(rows: Any) -> Any:
        with quiet():
            made = call_author(f"{type(thing).__name__}.transform", _transformed, steps, rows[names])
        return _as_frame(made, _output_names(thing, steps, made.shape[1]), rows.index)

    output = run(sample.frame.copy())
    start = _Columns([sample.columns[name].symbol() for name in names], sample.frame[names])
    found = _through(steps, start)
    outcomes = dict(zip(output.columns, found.outcomes, strict=True))
    told = replace(skeleton, estimator=tuple(written_estimator(estimator)) if estimator is not None else ())
    return report_of(f"fitted {type(thing).__name__}", run, sample, output, outcomes, told, effort)


def _parts(thing: Any) -> tuple[list[Any], Any]:
    """The transformers one after the other, and the estimator at the end."""
    if not hasattr(thing, "steps"):
        return [thing], None
    steps = [step for _, step in thing.steps if step is not None and step != "passthrough"]
    ends = steps and not hasattr(steps[-1], "transform")
    return (steps[:-1], steps[-1]) if ends else (steps, None)


def _transformed(steps: Sequence[Any], rows: Any) -> Any:
    for step in steps:
        rows = step.transform(rows)
    return _dense(rows)


def _dense(values: Any) -> Any:
    return values.toarray() if hasattr(values, "toarray") else values


def _as_frame(values: Any, names: Sequence[str], index: Any) -> Any:
    if isinstance(values, pd.DataFrame):
        return values.set_axis(names, axis=1)
    return pd.DataFrame(values, columns=list(names), index=index).infer_objects()


def _output_names(thing: Any, steps: Sequence[Any], width: int) -> list[str]:
    source = thing[:-1] if hasattr(thing, "steps") and len(steps) < len(thing.steps) else thing
    try:
        names = [str(name) for name in source.get_feature_names_out()]
    except (AttributeError, ValueError):  # a step that names nothing
        names = [f"x{i}" for i in range(width)]
    return names if len(set(names)) == width else [f"x{i}" for i in range(width)]


def _through(steps: Sequence[Any], columns: _Columns) -> _Columns:
    for step in steps:
        columns = _step(step, columns)
    return columns


def _step(t: Any, columns: _Columns) -> _Columns:
    with quiet():
        values = _dense(t.transform(columns.values))
    made = _outcomes(t, columns, values)
    width = values.shape[1]
    if len(made) != width:
        made = [Reason(f"{type(t).__name__} gives {width} columns where {len(made)} were expected", hint=_KEEP)] * width
    return _Columns(made, values)


def _outcomes(t: Any, columns: _Columns, values: Any) -> list[Any]:
    kind = type(t).__name__
    if kind == "Pipeline":
        return list(_through(_parts(t)[0], columns).outcomes)
    if kind in ("ColumnTransformer", "FeatureUnion"):
        return _beside(t, columns)
    if kind == "FunctionTransformer":
        return _by_function(t, columns)
    if kind in COLUMNWISE:
        rule = COLUMNWISE[kind]
        return [_tried(kind, lambda i=i, x=x: rule(t, i, _known(x))) for i, x in enumerate(columns.outcomes)]
    if kind in SPREADING:
        return [one for i, x in enumerate(columns.outcomes) for one in _spread(t, i, x)] + _indicators(t, columns)
    if kind in TOGETHER:
        made = _tried(kind, lambda: TOGETHER[kind](t, [_known(x) for x in columns.outcomes]))
        return [made] * values.shape[1] if isinstance(made, Reason) else made
    return [Reason(kind, hint=_KEEP)] * values.shape[1]


def _known(outcome: Any) -> Symbol:
    if isinstance(outcome, Symbol):
        return outcome
    raise Unexpressed(outcome)


def _tried(kind: str, rule: Any) -> Any:
    found = attempt(kind, rule)
    return Reason(found.what, None, found.hint or _KEEP) if isinstance(found, Reason) else found


def _spread(t: Any, i: int, x: Any) -> list[Any]:
    kind = type(t).__name__
    made = _tried(kind, lambda: SPREADING[kind](t, i, _known(x)))
    return [made] * _width(t, i) if isinstance(made, Reason) else made


def _width(t: Any, i: int) -> int:
    """How many columns the i-th becomes."""
    if hasattr(t, "categories_"):
        return len(t._compute_transformed_categories(i)) if hasattr(t, "_compute_transformed_categories") else 1
    if hasattr(t, "n_bins_"):
        return 1 if t.encode == "ordinal" else int(t.n_bins_[i])
    return 1


def _indicators(t: Any, columns: _Columns) -> list[Any]:
    from gapless.adopting.choices import is_missing

    indicator = getattr(t, "indicator_", None)
    if indicator is None:
        return []
    places = [int(i) for i in indicator.features_]
    return [
        _tried("MissingIndicator", lambda i=i: number(is_missing(_known(columns.outcomes[i]))).but(kind="float"))
        for i in places
    ]


def _beside(t: Any, columns: _Columns) -> list[Any]:
    """ColumnTransformer and FeatureUnion: each on its columns, the results side by side."""
    if hasattr(t, "transformer_list"):
        return [one for _, part in t.transformer_list if part != "drop" for one in _part(part, columns)]
    parts = [(part, _places(t, name, columns)) for name, part, _ in t.transformers_]
    return [
        one
        for part, places in parts
        if places and not _is(part, "drop")
        for one in _part(part, _picked(columns, places))
    ]


def _is(part: Any, word: str) -> bool:
    return isinstance(part, str) and part == word


def _places(t: Any, name: str, columns: _Columns) -> list[int]:
    return [int(i) for i in t._transformer_to_input_indices[name]]


def _picked(columns: _Columns, places: Sequence[int]) -> _Columns:
    outcomes = [columns.outcomes[i] for i in places]
    values = columns.values
    return _Columns(outcomes, values.iloc[:, places] if isinstance(values, pd.DataFrame) else values[:, places])


def _part(part: Any, columns: _Columns) -> Sequence[Any]:
    return columns.outcomes if _is(part, "passthrough") else _step(part, columns).outcomes


def _by_function(t: Any, columns: _Columns) -> list[Any]:
    """FunctionTransformer: its function is followed as one of pandas."""
    func = t.func
    if func is None:
        return list(columns.outcomes)
    if isinstance(func, np.ufunc):
        rule = UFUNCS.get(func.__name__)
        return [
            _tried(f"np.{func.__name__}", None if rule is None else lambda x=x: rule(_known(x)))
            for x in columns.outcomes
        ]
    values = columns.values if isinstance(columns.values, pd.DataFrame) else pd.DataFrame(columns.values)
    given = TracedFrame.of(values.copy(), dict(zip(values.columns, columns.outcomes, strict=True)))
    try:
        with quiet():
            result = call_author("following the function", lambda: rebound(func)(given, **(t.kw_args or {})))
    except UserCodeError as error:
        return [Reason(f"a function that cannot be followed ({error.seen})", hint=_KEEP)] * len(columns.outcomes)
    return _followed(result, len(columns.outcomes))


def _followed(result: Any, width: int) -> list[Any]:
    if isinstance(result, TracedFrame):
        return list(result.outcomes().values())
    if isinstance(result, TracedSeries):
        return [result._outcome]
    return [Reason("an array that was made outside pandas operations", hint=_KEEP)] * width
