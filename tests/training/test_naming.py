"""Columns by the names of features, where scikit-learn itself would want a DataFrame."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gapless.errors import DefinitionError, UnknownName
from gapless.training.fit import fit

NAMES = ("stats__code", "stats__mean_7d", "stats__total_7d")


def rows(n=200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    x[:, 0] = rng.integers(0, 4, n)
    return x, (x[:, 0] + x[:, 1] > 1.5).astype(np.float64)


def columns(**more):
    return ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), ["stats__code"]),
            ("sizes", StandardScaler(), ["stats__total_7d", "stats__mean_7d"]),
        ],
        **more,
    )


def fitted(estimator, kind="classification"):
    x, y = rows()
    return fit(lambda: estimator, x, y, kind=kind, names=NAMES).estimator


def test_names_are_places_in_the_vector():
    found = fitted(make_pipeline(columns(), LogisticRegression()))
    assert [chosen for _, _, chosen in found[0].transformers_] == [[0], [2, 1]]
    x, y = rows()
    by_place = ColumnTransformer(
        [("codes", OneHotEncoder(handle_unknown="ignore"), [0]), ("sizes", StandardScaler(), [2, 1])]
    )
    other = make_pipeline(by_place, LogisticRegression()).fit(x, y.astype(int))
    assert np.array_equal(found.predict_proba(x), other.predict_proba(x))


def test_a_single_name_and_what_is_left():
    chosen = ColumnTransformer([("one", StandardScaler(), "stats__mean_7d")], remainder="passthrough")
    assert fitted(make_pipeline(chosen, LogisticRegression())).predict(rows()[0]).shape == (200,)


@pytest.mark.parametrize(
    ("wrap", "kind"),
    [
        (lambda: CalibratedClassifierCV(make_pipeline(columns(), LogisticRegression())), "classification"),
        (lambda: TransformedTargetRegressor(make_pipeline(columns(), LinearRegression())), "regression"),
        (lambda: make_pipeline(make_pipeline(columns()), LogisticRegression()), "classification"),
    ],
)
def test_names_are_found_within_others(wrap, kind):
    assert fitted(wrap(), kind).predict(rows()[0]).shape == (200,)


def test_a_name_that_is_no_feature_is_refused_with_a_guess():
    chosen = ColumnTransformer([("one", StandardScaler(), ["stats__mean_7"])])
    with pytest.raises(UnknownName, match="stats__mean_7d"):
        fitted(make_pipeline(chosen, LogisticRegression()))


@pytest.mark.parametrize("chosen", [["stats__code"], make_column_selector(dtype_include="number")])
def test_names_in_a_later_step_are_refused(chosen):
    later = ColumnTransformer([("one", "passthrough", chosen)])
    with pytest.raises(DefinitionError, match="only the first step can"):
        fitted(make_pipeline(StandardScaler(), later, LogisticRegression()))
