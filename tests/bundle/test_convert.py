"""One tensor in, named vectors out, and the estimators that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.convert import parse, smallest_batch, to_onnx
from gapless.errors import DefinitionError


def outputs(model):
    return [output.name for output in parse(model).graph.output]


def test_a_classification_has_two_vectors(whole):
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(whole.rows, whole.true)
    model = to_onnx(estimator, width=5, kind="classification")
    assert outputs(model) == ["probability", "prediction"]
    found = OnnxRuntime().run(model)(whole.rows)
    assert found["probability"].shape == found["prediction"].shape == (len(whole.rows),)
    assert np.array_equal(found["prediction"], estimator.predict(whole.rows))


def test_a_regression_has_one_vector(whole):
    estimator = HistGradientBoostingRegressor(max_iter=5).fit(whole.rows, whole.amount)
    model = to_onnx(estimator, width=5, kind="regression")
    assert outputs(model) == ["prediction"]
    assert OnnxRuntime().run(model)(whole.rows)["prediction"].shape == (len(whole.rows),)


def test_the_same_estimator_gives_the_same_bytes(whole):
    estimator = RandomForestClassifier(3).fit(whole.rows, whole.true)
    assert len({to_onnx(estimator, width=5, kind="classification") for _ in range(3)}) == 1


def test_products_of_matrices_ask_for_two_rows(whole):
    trees = RandomForestClassifier(3).fit(whole.rows, whole.true)
    linear = LogisticRegression(max_iter=5000).fit(whole.rows, whole.true)
    sizes = [smallest_batch(to_onnx(one, width=5, kind="classification")) for one in (trees, linear)]
    assert sizes == [1, 2]


@pytest.mark.parametrize(
    ("estimator", "seen"),
    [
        (make_pipeline(SplineTransformer(), LogisticRegression(max_iter=5000)), "SplineTransformer"),
        (make_pipeline(FunctionTransformer(np.abs), LogisticRegression(max_iter=5000)), "FunctionTransformer"),
    ],
    ids=["spline", "function"],
)
def test_what_has_no_form_names_the_way_out(estimator, seen, whole):
    with pytest.raises(DefinitionError, match=seen) as caught:
        to_onnx(estimator.fit(whole.rows[:, :3], whole.true), width=3, kind="classification")
    assert 'runtime="python"' in str(caught.value)


def test_categorical_splits_are_refused_at_any_depth(whole):
    boosting = HistGradientBoostingClassifier(max_iter=3, categorical_features=[2])
    rows = np.abs(whole.rows)
    for estimator in (boosting, make_pipeline(boosting)):
        with pytest.raises(DefinitionError, match="categorical splits"):
            to_onnx(estimator.fit(rows, whole.true), width=5, kind="classification")


def test_other_classes_are_refused(whole):
    estimator = RandomForestClassifier(3).fit(whole.rows, whole.true + 1)
    with pytest.raises(DefinitionError, match="true or false"):
        to_onnx(estimator, width=5, kind="classification")
