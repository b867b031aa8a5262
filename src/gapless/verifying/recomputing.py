"""Answers recomputed one by one: from the events that they say were in, by the definition, with a word on how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.features import plan_groups
from gapless.online import Layout
from gapless.ports.scorer import Float32, Scorer
from gapless.product import FeatureSet, Trust
from gapless.schema import Type
from gapless.serving.vectors import Vectors
from gapless.verifying.checking import GroupChecked, check_group
from gapless.verifying.history import History
from gapless.verifying.naive import Value
from gapless.verifying.served import Served

__all__ = ["Opened", "Recomputed", "defaults_of", "recompute"]


@dataclass(frozen=True, eq=False)
class Opened:
    """A version to recompute with.

    Parameters:
        features, scorer — of its bundle.
        policy — the rules of trust as the product has them now: an answer holds only what they made of it.
    """

    features: FeatureSet
    scorer: Scorer
    policy: Trust


@dataclass(frozen=True, eq=False)
class Recomputed:
    """What some answers should have been.

    Parameters:
        vector, prediction, probability — as in `Served`.
        groups — what each group of views gave for each answer.
    """

    vector: Float32
    prediction: Float32
    probability: Float32 | None
    groups: Sequence[GroupChecked]


def recompute(opened: Opened, served: Served, history: History) -> Recomputed:
    """Every answer anew, from nothing but the request, the tables and what the answer says of the state.

    Cost: a pass over each source per group, and for each answer a step of Python for each event of its keys.
    """
    features, policy = opened.features, opened.policy
    defaults, vectors = defaults_of(features, policy), Vectors(features)
    layouts = [Layout.of(group) for group in plan_groups(features.views)]
    groups = [check_group(layout, features, policy, served, history, defaults) for layout in layouts]
    made = [vectors.row(served.row(i), _looked_up(groups, i))[1] for i in range(len(served))]
    matrix = vectors.stacked(made)
    scores = opened.scorer.score(matrix)
    return Recomputed(matrix, scores.prediction, scores.probability, groups)


def _looked_up(groups: Sequence[GroupChecked], i: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for group in groups:
        found |= group.outcomes[i].values
    return found


def defaults_of(features: FeatureSet, policy: Trust) -> dict[str, Value]:
    """What the views read as while the store is away: the author's defaults, null where there is none."""
    looked_up = {f.column: f.type for view in features.views for f in view.features}
    found: dict[str, Value] = {}
    for column, kind in looked_up.items():
        value: Value = policy.defaults.get(column)
        fits = type(value) is _PYTHON[kind.in_expressions]
        found[column] = value if fits else None
    return found


_PYTHON = {Type.FLOAT: float, Type.BOOL: bool, Type.STRING: str, Type.TIMESTAMP: int}
