"""The certificate passes what is right and refuses what is wrong, and shows where."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.certificate import certify
from gapless.bundle.convert import parse, to_onnx
from gapless.bundle.pickled import answer
from gapless.errors import CertificateFailed, InputError


def certificate(estimator, data, *, model=None, kind=None, **options):
    kind = kind or ("classification" if hasattr(estimator, "predict_proba") else "regression")
    if not hasattr(estimator, "n_features_in_"):
        estimator.fit(data.rows[:600], data.label(kind)[:600])
    model = model or to_onnx(estimator, width=5, kind=kind)
    return certify(
        model,
        kind=kind,
        reference=answer(estimator, kind),
        runtime=OnnxRuntime(),
        held_out=data.rows[600:],
        names=data.names,
        **options,
    )


TREES = [
    HistGradientBoostingClassifier(max_iter=20),
    HistGradientBoostingRegressor(max_iter=20),
    RandomForestClassifier(5, random_state=0),
    RandomForestRegressor(5, random_state=0),
    ExtraTreesClassifier(5, random_state=0),
    ExtraTreesRegressor(5, random_state=0),
    DecisionTreeClassifier(max_depth=5),
]
WITHOUT_MISSING = [
    GradientBoostingClassifier(n_estimators=20),
    GradientBoostingRegressor(n_estimators=20),
    LogisticRegression(max_iter=5000),
    make_pipeline(StandardScaler(), LinearRegression()),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


def shown(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "holed"])
@pytest.mark.parametrize("estimator", TREES, ids=shown)
def test_trees_pass_on_every_split(estimator, missing, whole, holed):
    found = certificate(type(estimator)(**estimator.get_params()), holed if missing else whole).require()
    assert found.splits_probed == found.splits > 0
    assert found.thresholds_probed == found.thresholds
    assert found.rows["on a threshold"] > 0
    assert found.worst < 2e-6


@pytest.mark.parametrize("estimator", WITHOUT_MISSING, ids=shown)
def test_what_takes_no_missing_values_passes_without_them(estimator, whole):
    found = certificate(estimator, whole).require()
    assert not found.takes_missing
    assert "missing" not in found.rows


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), RandomForestClassifier(5, random_state=0)),
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    ],
    ids=["trees", "linear"],
)
def test_an_imputer_is_exact(estimator, holed):
    assert certificate(estimator, holed).require().takes_missing


def rounded_to_nearest(model: bytes, estimator) -> bytes:
    """The graph as the converter alone would make it: thresholds to the nearest float32."""
    graph = parse(model)
    (node,) = [one for one in graph.graph.node if one.op_type.startswith("TreeEnsemble")]
    values = next(one for one in node.attribute if one.name == "nodes_values")
    nodes = np.concatenate([tree.nodes for (tree,) in estimator._predictors])
    values.floats[:] = np.where(nodes["is_leaf"], 0, nodes["num_threshold"]).astype(np.float32).tolist()
    return graph.SerializeToString()


@pytest.mark.parametrize(
    "estimator", [HistGradientBoostingClassifier(max_iter=30), HistGradientBoostingRegressor(max_iter=30)], ids=shown
)
def test_thresholds_rounded_to_the_nearest_are_caught(estimator, whole):
    kind = "classification" if hasattr(estimator, "predict_proba") else "regression"
    estimator.fit(whole.rows[:600], whole.label(kind)[:600])
    exact = to_onnx(estimator, width=5, kind=kind)
    careless = rounded_to_nearest(exact, estimator)
    assert certificate(estimator, whole, model=exact, kind=kind).passed
    found = certificate(estimator, whole, model=careless, kind=kind)
    assert found.failures > 0
    assert found.worst > 1e-3
    with pytest.raises(CertificateFailed, match="threshold"):
        found.require()


def test_held_out_rows_alone_would_not_have_seen_it(whole):
    rows = whole.rows[:, [0, 1, 4]]  # values that are all different: none lies on a split
    estimator = HistGradientBoostingClassifier(max_iter=30).fit(rows[:600], whole.true[:600])
    careless = rounded_to_nearest(to_onnx(estimator, width=3, kind="classification"), estimator)
    found = OnnxRuntime().run(careless)(rows[600:])["probability"]
    assert np.abs(found - estimator.predict_proba(rows[600:])[:, 1]).max() < 1e-5


def test_a_forest_without_the_ways_of_missing_values_is_caught(holed):
    estimator = RandomForestClassifier(5, random_state=0).fit(holed.rows[:600], holed.true[:600])
    graph = parse(to_onnx(estimator, width=5, kind="classification"))
    tracks = next(a for a in graph.graph.node[0].attribute if a.name == "nodes_missing_value_tracks_true")
    tracks.ints[:] = [0] * len(tracks.ints)
    assert not certificate(estimator, holed, model=graph.SerializeToString()).passed


@pytest.mark.parametrize(
    "estimator",
    [
        CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=10), method="isotonic"),
        CalibratedClassifierCV(make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=20))),
    ],
    ids=["isotonic", "scaler, boosting, calibrated"],
)
def test_a_step_that_is_not_exact_in_float32_is_refused(estimator, whole):
    with pytest.raises(CertificateFailed, match='runtime="python"'):
        certificate(estimator, whole).require()


def test_sums_of_large_numbers_are_refused(whole):
    # Fitted to float64 it adds in float64. Fitted to float32 it depends on the processor whether both add alike.
    estimator = Ridge().fit(whole.rows[:600].astype(np.float64), whole.amount[:600])
    with pytest.raises(CertificateFailed, match='runtime="python"'):
        certificate(estimator, whole).require()


def test_trees_behind_a_step_that_mixes_features_are_refused(whole):
    with pytest.raises(CertificateFailed, match="mixes or reorders"):
        certificate(make_pipeline(PCA(3), RandomForestClassifier(3)), whole)


def test_the_refusal_shows_rows_and_the_way_out(whole):
    estimator = HistGradientBoostingClassifier(max_iter=9).fit(whole.rows[:600], whole.true[:600])
    wrong = HistGradientBoostingClassifier(max_iter=3).fit(whole.rows[:600], whole.true[:600])
    found = certificate(estimator, whole, model=to_onnx(wrong, width=5, kind="classification"))
    first = found.offending[0]
    assert list(first.features) == whole.names
    row = np.array([list(first.features.values())], np.float32)
    assert first.estimator == estimator.predict_proba(row)[0, 1]
    with pytest.raises(CertificateFailed) as caught:
        found.require()
    assert "f0=" in str(caught.value)
    assert f"{first.onnx:.9g}" in str(caught.value)
    assert 'runtime="python"' in str(caught.value.next_step)


def test_its_document_is_plain_json(holed):
    found = certificate(HistGradientBoostingClassifier(max_iter=3), holed)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["passed"] is True
    assert document["total_rows"] == sum(document["rows"].values())


def test_it_says_the_same_every_time(whole):
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(whole.rows[:600], whole.true[:600])
    assert certificate(estimator, whole) == certificate(estimator, whole)


def test_a_limit_on_splits_is_reported(whole):
    found = certificate(RandomForestClassifier(5, random_state=0), whole, splits_limit=50).require()
    assert found.splits_probed == 50 < found.splits


def test_nothing_can_be_certified_without_rows(whole):
    estimator = LogisticRegression().fit(whole.rows[:600, :3], whole.true[:600])
    with pytest.raises(InputError, match="no held-out row"):
        certify(
            to_onnx(estimator, width=3, kind="classification"),
            kind="classification",
            reference=answer(estimator, "classification"),
            runtime=OnnxRuntime(),
            held_out=whole.rows[:0, :3],
            names=whole.names[:3],
        )
