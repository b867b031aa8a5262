"""Rows made for a split arrive at it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from gapless.bundle.convert import parse, to_onnx
from gapless.bundle.probes import split_probes, splits_to_probe
from gapless.bundle.trees import read_ensembles


def forest(estimator, data):
    estimator.fit(data.rows, data.true)
    (ensemble,) = read_ensembles(parse(to_onnx(estimator, width=5, kind="classification")).graph)
    return ensemble


def visited(ensemble, row, start):
    """The entries on the way of a row without missing values, the plain way."""
    way, at = [], start
    while ensemble.true[at] >= 0:
        way.append(at)
        inside = ensemble.low[at] <= row[ensemble.feature[at]] <= ensemble.high[at]
        at = ensemble.true[at] if inside else ensemble.false[at]
    return way


def root(ensemble, node):
    while ensemble.parent[node] >= 0:
        node = ensemble.parent[node]
    return node


@pytest.mark.parametrize(
    "estimator", [HistGradientBoostingClassifier(max_iter=8), RandomForestClassifier(3, random_state=0)]
)
def test_every_branch_is_reached_on_both_sides(estimator, whole):
    ensemble = forest(estimator, whole)
    nodes = splits_to_probe(ensemble, 10**6)
    assert set(nodes) == set(ensemble.branches)
    probes = {one.origin: one.rows for one in split_probes(ensemble, nodes, whole.rows, missing=False)}
    for origin, rows in probes.items():
        ways = [visited(ensemble, row, root(ensemble, node)) for node, row in zip(nodes, rows, strict=True)]
        reached = [node in way for node, way in zip(nodes, ways, strict=True)]
        # One step below may be the other side of a split further up, where only one value is left between the two.
        assert np.mean(reached) > 0.9 if origin == "one step below a threshold" else all(reached)
        left = rows[np.arange(len(rows)), ensemble.feature[nodes]] <= ensemble.threshold[nodes]
        assert np.all(left == (origin != "one step above a threshold"))


def test_a_limit_keeps_different_thresholds_first(whole):
    ensemble = forest(HistGradientBoostingClassifier(max_iter=30), whole)
    pairs = {(f, t) for f, t in zip(ensemble.feature, ensemble.threshold, strict=True)}
    branch_pairs = {(ensemble.feature[n], ensemble.threshold[n]) for n in ensemble.branches}
    nodes = splits_to_probe(ensemble, len(branch_pairs))
    assert len(nodes) == len(branch_pairs) <= len(pairs)
    assert {(ensemble.feature[n], ensemble.threshold[n]) for n in nodes} == branch_pairs
    assert len(splits_to_probe(ensemble, 10)) == 10


def test_probes_are_the_same_every_time(holed):
    ensemble = forest(HistGradientBoostingClassifier(max_iter=5), holed)
    nodes = splits_to_probe(ensemble, 100)

    def bits():
        return [(p.origin, p.rows.tobytes()) for p in split_probes(ensemble, nodes, holed.rows, missing=True)]

    assert bits() == bits()
