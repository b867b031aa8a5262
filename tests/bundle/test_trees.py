"""Thresholds as float32, and trees as they stand in a graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor

from gapless.bundle.convert import parse, to_onnx
from gapless.bundle.trees import floor32, read_ensembles

near = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.floats(allow_nan=False), near)
def test_a_float32_is_below_a_threshold_exactly_when_it_is_below_the_floor(threshold, value):
    x = np.float32(value)
    assert (x.astype(np.float64) <= threshold) == (x <= floor32(np.array([threshold]))[0])


@given(near, st.integers(-3, 3))
def test_the_same_close_to_the_threshold(value, steps):
    threshold = np.float64(value) * (1 + 1e-9 * steps)
    for x in (np.nextafter(np.float32(value), np.float32(way)) for way in (-np.inf, value, np.inf)):
        assert (np.float64(x) <= threshold) == (x <= floor32(np.array([threshold]))[0])


@pytest.mark.parametrize("missing", [False, True])
def test_the_graph_holds_the_fitted_splits(missing, whole, holed):
    data = holed if missing else whole
    estimator = HistGradientBoostingClassifier(max_iter=10).fit(data.rows, data.true)
    (ensemble,) = read_ensembles(parse(to_onnx(estimator, width=5, kind="classification")).graph)
    nodes = np.concatenate([tree.nodes for (tree,) in estimator._predictors])
    branch = ~nodes["is_leaf"].astype(bool)
    assert np.array_equal(ensemble.branches, np.flatnonzero(branch))
    assert np.array_equal(ensemble.feature[branch], nodes["feature_idx"][branch])
    assert np.array_equal(ensemble.threshold[branch], floor32(nodes["num_threshold"][branch]))
    assert np.array_equal(ensemble.high[branch], ensemble.threshold[branch])
    assert ensemble.known


def test_every_entry_but_the_roots_has_the_parent_that_points_to_it(whole):
    estimator = RandomForestRegressor(4, max_depth=5).fit(whole.rows, whole.amount)
    (ensemble,) = read_ensembles(parse(to_onnx(estimator, width=5, kind="regression")).graph)
    children = np.flatnonzero(ensemble.parent >= 0)
    assert len(ensemble.parent) - len(children) == 4
    above = ensemble.parent[children]
    assert np.all((ensemble.true[above] == children) | (ensemble.false[above] == children))
