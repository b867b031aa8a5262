"""Decision trees as they stand in an ONNX graph: read them, and make their splits exact.

A split of scikit-learn compares a float32 value, widened, with a float64 threshold: `x <= t`. ONNX holds the threshold
as float32. Rounded to the nearest, it may lie above t, and then x = that float32 goes left in ONNX and right in
scikit-learn. For float32 x the two are equal exactly when the threshold is rounded *down*:

    x <= t   if and only if   x <= floor32(t)        (x float32)
    x <  t   if and only if   x <  ceil32(t)

The graph alone cannot be mended, since it no longer says on which side of t it was rounded: the thresholds are taken
again from the fitted trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.ports.scorer import Float32

__all__ = [
    "Ensemble",
    "Moved",
    "ceil32",
    "floor32",
    "has_categories",
    "has_trees",
    "make_splits_exact",
    "read_ensembles",
]

Ints = npt.NDArray[np.int64]
_MODES = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"}


def floor32(values: npt.NDArray[np.float64]) -> Float32:
    """The largest float32 that is not above each value.

    Examples:
        >>> float(floor32(np.array([0.1]))[0]) < 0.1 < float(np.float32(0.1))
        True
    """
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
        down: Float32 = np.nextafter(nearest, np.float32(-np.inf), dtype=np.float32)
    above = nearest.astype(np.float64) > values
    return np.where(above, down, nearest)


def ceil32(values: npt.NDArray[np.float64]) -> Float32:
    """The smallest float32 that is not below each value.

    Examples:
        >>> float(ceil32(np.array([0.3]))[0]) >= 0.3 > float(floor32(np.array([0.3]))[0])
        True
    """
    up: Float32 = -floor32(-values)
    return up


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The trees of one ONNX node; one entry per tree node, in the graph's order.

    Parameters:
        input — the tensor that the trees read.
        low, high — the float32 values of `feature` that take the branch `true`: all in [low, high].
        true, false, parent — positions of other entries; -1 for none.
        known — whether every branch compares in one of the four ways that an interval can express.
    """

    input: str
    feature: Ints
    threshold: Float32
    low: Float32
    high: Float32
    true: Ints
    false: Ints
    parent: Ints
    known: bool

    @property
    def branches(self) -> Ints:
        """Positions of the entries that split."""
        return np.flatnonzero(self.true >= 0)


def read_ensembles(graph: Any) -> Iterator[Ensemble]:
    """Every tree ensemble of an ONNX graph, in its order."""
    return (_read(node) for node in graph.node if node.op_type.startswith("TreeEnsemble"))


def _attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: attribute for attribute in node.attribute}


def _modes(found: dict[str, Any]) -> npt.NDArray[Any]:
    return np.array([mode.decode() for mode in found["nodes_modes"].strings])


def _read(node: Any) -> Ensemble:
    found = _attributes(node)
    modes, threshold = _modes(found), np.array(found["nodes_values"].floats, np.float32)
    tree, own = (np.array(found[name].ints, np.int64) for name in ("nodes_treeids", "nodes_nodeids"))
    is_branch = modes != "LEAF"
    place = {pair: index for index, pair in enumerate(zip(tree.tolist(), own.tolist(), strict=True))}

    def child(name: str) -> Ints:
        ids = zip(tree.tolist(), found[name].ints, is_branch.tolist(), strict=True)
        return np.array([place[of, at] if branch else -1 for of, at, branch in ids], np.int64)

    true, false = child("nodes_truenodeids"), child("nodes_falsenodeids")
    low, high = _taken(modes, threshold)
    return Ensemble(
        input=node.input[0],
        feature=np.array(found["nodes_featureids"].ints, np.int64),
        threshold=threshold,
        low=low,
        high=high,
        true=true,
        false=false,
        parent=_parents(true, false),
        known=set(modes[is_branch]) <= _MODES,
    )


def _taken(modes: npt.NDArray[Any], threshold: Float32) -> tuple[Float32, Float32]:
    infinity = np.float32(np.inf)
    below, above = np.nextafter(threshold, -infinity), np.nextafter(threshold, infinity)
    high = np.select([modes == "BRANCH_LEQ", modes == "BRANCH_LT"], [threshold, below], infinity)
    low = np.select([modes == "BRANCH_GTE", modes == "BRANCH_GT"], [threshold, above], -infinity)
    return low.astype(np.float32), high.astype(np.float32)


def _parents(true: Ints, false: Ints) -> Ints:
    parent = np.full(len(true), -1, np.int64)
    branches = np.flatnonzero(true >= 0)
    parent[true[branches]] = branches
    parent[false[branches]] = branches
    return parent


@dataclass(frozen=True, eq=False)
class _Splits:
    """The splits of one fitted scikit-learn model, in the order in which its converter writes them."""

    feature: Ints
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    is_leaf: npt.NDArray[np.bool_]
    wide: bool

    def left(self, values: npt.NDArray[Any], rows: Ints) -> npt.NDArray[np.bool_]:
        """Whether values go left at these splits, as the fitted trees compare them: in float32, or as they are."""
        seen = values if self.wide else values.astype(np.float32)
        went: npt.NDArray[np.bool_] = seen.astype(np.float64) <= self.threshold[rows]
        return went


@dataclass(frozen=True, eq=False)
class Moved:
    """Splits on what the trees see, as splits on features: for the branches of one model, in their order.

    Parameters:
        feature — of the vector; threshold — float32, x goes left where x <= threshold.
        missing_left — where a missing value of the feature goes.
    """

    feature: Ints
    threshold: Float32
    missing_left: npt.NDArray[np.bool_]


Move = Callable[[Ints, Callable[[npt.NDArray[Any], Ints], npt.NDArray[np.bool_]], npt.NDArray[np.bool_]], Moved]
"""(columns that the branches read, whether values go left at branches by number, where missing goes) → on features."""


def make_splits_exact(graph: Any, estimator: Any, move: Move | None = None) -> bool:
    """Gives the tree nodes of the graph the thresholds and the ways of missing values of the fitted trees.

    Only `BRANCH_LEQ` nodes change; trees that are not scikit-learn's are left alone, and the certificate judges them.

    Parameters:
        move — brings the splits to the features, where the trees stand behind steps that the graph leaves out.

    Returns: whether every tree node of the graph was found among the fitted trees.
    """
    nodes = [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]
    splits = list(_fitted(estimator))
    matches = [next((found for found in splits if _is_of(node, found)), None) for node in nodes]
    for node, match in zip(nodes, matches, strict=True):
        if match is not None:
            _rewrite(node, match, move)
    return all(match is not None for match in matches)


def _is_of(node: Any, splits: _Splits) -> bool:
    found = _attributes(node)
    modes = _modes(found)
    if len(modes) != len(splits.is_leaf) or not np.array_equal(modes == "LEAF", splits.is_leaf):
        return False
    branch = modes == "BRANCH_LEQ"
    feature, near = np.array(found["nodes_featureids"].ints), np.array(found["nodes_values"].floats, np.float32)
    step = np.spacing(np.abs(near[branch]))
    with np.errstate(invalid="ignore"):
        apart = np.abs(near[branch] - splits.threshold[branch]) > step
    return bool(np.array_equal(feature[branch], splits.feature[branch]) and not apart.any())


def _rewrite(node: Any, splits: _Splits, move: Move | None) -> None:
    found = _attributes(node)
    branch = np.flatnonzero(_modes(found) == "BRANCH_LEQ")
    moved = _in_place(splits, branch) if move is None else _moved(splits, branch, move)
    for name, values in (
        ("nodes_values", moved.threshold),
        ("nodes_featureids", moved.feature),
        ("nodes_missing_value_tracks_true", moved.missing_left.astype(np.int64)),
    ):
        field = found[name].floats if name == "nodes_values" else found[name].ints
        whole = np.array(field, values.dtype)
        whole[branch] = values
        field[:] = whole.tolist()


def _in_place(splits: _Splits, branch: Ints) -> Moved:
    return Moved(splits.feature[branch], floor32(splits.threshold[branch]), splits.missing_left[branch])


def _moved(splits: _Splits, branch: Ints, move: Move) -> Moved:
    def left(values: npt.NDArray[Any], places: Ints) -> npt.NDArray[np.bool_]:
        return splits.left(values, branch[places])

    return move(splits.feature[branch], left, splits.missing_left[branch])


def _fitted(estimator: Any) -> Iterator[_Splits]:
    """The tree models inside an estimator, depth first."""
    if hasattr(estimator, "_predictors"):
        yield _hist_splits([tree for row in estimator._predictors for tree in row])
    elif hasattr(estimator, "tree_"):
        yield _tree_splits([estimator.tree_])
    elif _is_forest(estimator):
        yield _tree_splits([tree.tree_ for tree in np.ravel(estimator.estimators_)])
    else:
        for part in _parts(estimator):
            yield from _fitted(part)


def has_categories(estimator: Any) -> bool:
    """Whether a gradient boosting inside splits on sets of categories, which is not a comparison with a threshold."""
    categories = getattr(estimator, "is_categorical_", None)
    return bool(np.any(categories)) if categories is not None else any(map(has_categories, _parts(estimator)))


def has_trees(estimator: Any) -> bool:
    """Whether there are trees of scikit-learn inside."""
    return next(_fitted(estimator), None) is not None


def _is_forest(estimator: Any) -> bool:
    trees = np.ravel(np.asarray(getattr(estimator, "estimators_", []), dtype=object))
    return len(trees) > 0 and all(hasattr(tree, "tree_") for tree in trees)


def _parts(estimator: Any) -> Iterable[Any]:
    if hasattr(estimator, "steps"):
        return [step for _, step in estimator.steps]
    if hasattr(estimator, "calibrated_classifiers_"):
        return [one.estimator for one in estimator.calibrated_classifiers_]
    parts = getattr(estimator, "estimators_", [])
    return parts if isinstance(parts, list) else []


def _hist_splits(trees: list[Any]) -> _Splits:
    nodes = [tree.nodes for tree in trees]

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([part[name] for part in nodes])

    return _Splits(
        column("feature_idx").astype(np.int64),
        column("num_threshold").astype(np.float64),
        column("missing_go_to_left").astype(bool),
        column("is_leaf").astype(bool),
        wide=True,
    )


def _tree_splits(trees: list[Any]) -> _Splits:
    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    return _Splits(
        column("feature").astype(np.int64),
        column("threshold").astype(np.float64),
        column("missing_go_to_left").astype(bool),
        column("children_left") < 0,
        wide=False,
    )
