"""The author's estimator, fitted on what every scorer will see; mistakes named at the author's line."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from gapless.errors import DefinitionError, InputError, UserCodeError
from gapless.training.fit import fit

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 3)).astype(np.float32)
TRUE = (ROWS[:, 0] + RNG.normal(size=200) > 0.5).astype(np.float64)


def test_a_classification_learns_zero_and_one():
    fitted = fit(LogisticRegression, ROWS, TRUE, kind="classification")
    assert fitted.estimator.classes_.tolist() == [0, 1]
    assert (fitted.rows, fitted.label_mean, fitted.empty) == (200, TRUE.mean(), ())


def test_bools_are_labels():
    assert fit(LogisticRegression, ROWS, TRUE > 0, kind="classification").estimator.classes_.tolist() == [0, 1]


def test_a_regression_learns_amounts():
    fitted = fit(LinearRegression, ROWS, ROWS[:, 0] * 2.0, kind="regression")
    assert fitted.estimator.coef_ == pytest.approx([2, 0, 0], abs=1e-6)


def test_features_that_are_never_there_are_told():
    rows = ROWS.copy()
    rows[:, 1] = np.nan
    fitted = fit(lambda: DecisionTreeClassifier(max_depth=3), rows, TRUE, kind="classification")
    assert fitted.empty == (1,)


def test_where_a_library_stumbles_over_them_they_are_named():
    rows = ROWS.copy()
    rows[:, 1] = np.nan
    boosting = partial(HistGradientBoostingClassifier, max_iter=2)
    with pytest.raises(UserCodeError, match="no request has a value of wind"):
        fit(boosting, rows, TRUE, kind="classification", names=["hour", "wind", "delay"])


def test_what_the_author_left_to_chance_is_seeded():
    def predictions(seed, factory=lambda: make_pipeline(StandardScaler(), RandomForestClassifier(5))):
        return fit(factory, ROWS, TRUE, kind="classification", seed=seed).estimator.predict_proba(ROWS)

    assert np.array_equal(predictions(1), predictions(1))
    assert not np.array_equal(predictions(1), predictions(2))


def test_the_authors_own_seed_stays():
    fitted = fit(lambda: RandomForestClassifier(5, random_state=7), ROWS, TRUE, kind="classification", seed=1)
    assert fitted.estimator.random_state == 7


@pytest.mark.parametrize(
    ("label", "kind", "what"),
    [
        (np.ones(200), "classification", "all labels are the same"),
        (np.ones(200), "regression", "all labels are the same"),
        (np.full(200, np.nan), "regression", "a label is missing"),
        (np.arange(200.0), "classification", "true or false"),
    ],
)
def test_labels_that_cannot_be_learned(label, kind, what):
    with pytest.raises(InputError, match=what):
        fit(LogisticRegression, ROWS, label, kind=kind)


def test_no_labelled_row():
    with pytest.raises(InputError, match="no labelled row"):
        fit(LogisticRegression, ROWS[:0], TRUE[:0], kind="classification")


@pytest.mark.parametrize("rows", [ROWS[:10], ROWS.astype(np.float64), ROWS[:, 0]], ids=["rows", "type", "shape"])
def test_features_that_do_not_match(rows):
    with pytest.raises(InputError, match="do not match"):
        fit(LogisticRegression, rows, TRUE, kind="classification")


@pytest.mark.parametrize(
    ("factory", "kind"),
    [(LinearSVC, "classification"), (LogisticRegression, "regression"), (object, "regression")],
    ids=["no probabilities", "a classifier for amounts", "nothing"],
)
def test_an_estimator_of_the_other_kind(factory, kind):
    with pytest.raises(DefinitionError, match=kind):
        fit(factory, ROWS, TRUE, kind=kind)


class Raises(ClassifierMixin, BaseEstimator):
    def fit(self, features, label):
        raise RuntimeError("no luck today")

    def predict_proba(self, features):
        return features


def test_the_authors_line_is_named():
    with pytest.raises(UserCodeError, match="no luck today") as caught:
        fit(Raises, ROWS, TRUE, kind="classification")
    assert str(caught.value.where).startswith(__file__)
    assert caught.value.where.line == Raises.fit.__code__.co_firstlineno + 1


def test_where_a_library_raises_the_factory_is_named():
    def factory():
        return LogisticRegression()

    rows = ROWS.copy()
    rows[0, 0] = np.nan
    with pytest.raises(UserCodeError, match="NaN") as caught:
        fit(factory, rows, TRUE, kind="classification")
    assert (caught.value.where.file, caught.value.where.line) == (__file__, factory.__code__.co_firstlineno)


def test_a_factory_that_raises():
    def factory():
        return 1 / 0

    with pytest.raises(UserCodeError, match="division by zero") as caught:
        fit(factory, ROWS, TRUE, kind="classification")
    assert caught.value.where.line == factory.__code__.co_firstlineno + 1
