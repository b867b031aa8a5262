"""What is usual for a model version: values that training saw, how many may be missing, how an unknown entity reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import to_numpy
from gapless.bundle.profile import Profile
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet, FeatureView, Trust
from gapless.windows import FUNCTIONS

__all__ = ["Bools", "EntityColumns", "bounds", "entity_columns", "missing_rows", "most_missing", "reads_empty"]

Bools = npt.NDArray[np.bool_]

_EMPTY = {name: function.algebra().finalize(function.algebra().identity())[0] for name, function in FUNCTIONS.items()}
_USUAL_MISSING = 0.5


@dataclass(frozen=True)
class EntityColumns:
    """All that the views tell of one entity.

    Parameters:
        views — their names.
        empty — their columns with what each reads in an empty window: 0 for counts, null for everything else.
    """

    entity: str
    views: frozenset[str]
    empty: tuple[tuple[str, object], ...]


def entity_columns(features: FeatureSet, policy: Trust) -> tuple[EntityColumns, ...]:
    """Each entity once, without the views that the author ignores."""
    found: dict[str, list[FeatureView]] = {}
    for view in features.views:
        if view.name not in policy.ignore:
            found.setdefault(view.entity.name, []).append(view)
    return tuple(_entity(name, views) for name, views in found.items())


def _entity(name: str, views: list[FeatureView]) -> EntityColumns:
    empty = tuple((f.column, _EMPTY[f.function]) for view in views for f in view.features)
    return EntityColumns(name, frozenset(view.name for view in views), empty)


def reads_empty(entity: EntityColumns, columns: Mapping[str, pa.Array], among: Bools) -> Bools:
    """The rows among these on which every column reads as in an empty window."""
    for column, nothing in entity.empty:
        if not among.any():
            break
        among = among & _equal(columns[column], nothing)
    return among


def _equal(column: pa.Array, nothing: object) -> Bools:
    if nothing is None:
        nulls: Bools = column.is_null().to_numpy(zero_copy_only=False)
        return nulls
    values, valid = to_numpy(column)
    equal: Bools = (values == nothing) & valid
    return equal


def bounds(policy: Trust, profile: Profile | None, features: FeatureSet) -> tuple[Float32, Float32]:
    """The range in which each feature may be; without an end for those that are not judged."""
    width = len(features.vector)
    low, high = np.full(width, -np.inf, np.float32), np.full(width, np.inf, np.float32)
    if profile is None or policy.level("out_of_range") == "ok":
        return low, high
    ignored = set(policy.ignore)
    ignored |= {f.column for view in features.views if view.name in ignored for f in view.features}
    for i, name in enumerate(features.vector):
        if name not in ignored:
            low[i], high[i] = _bound(profile.low[i].item(), profile.high[i].item(), policy.range_margin)
    return low, high


def _bound(low: float, high: float, margin: float) -> tuple[float, float]:
    if low != low:  # never seen in training: any value is outside
        return float("inf"), float("-inf")
    return low - margin * (high - low), high + margin * (high - low)


def most_missing(policy: Trust, profile: Profile | None) -> float:
    """The share of features that may be missing."""
    if policy.level("missing_share") == "ok":
        return 1.0
    if policy.missing_limit is not None:
        return policy.missing_limit
    return max(_USUAL_MISSING, 0.0 if profile is None else profile.row_missing)


def missing_rows(matrix: Float32, most: float) -> list[tuple[int, int]]:
    """(row, number of missing features) where there are more than `most`."""
    absent = np.isnan(matrix)
    if np.count_nonzero(absent) <= most:  # of the whole table: the usual case, found without looking at rows
        return []
    counts = np.count_nonzero(absent, axis=1)
    rows = np.flatnonzero(counts > most)
    return list(zip(rows.tolist(), counts[rows].tolist(), strict=True))
