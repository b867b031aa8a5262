"""Metrics equal scikit-learn's; intervals know that rows of a day belong together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from gapless.clock import DAY, HOUR
from gapless.errors import DefinitionError, UnknownName
from gapless.product.metrics import LESS_IS_BETTER, METRIC_KINDS
from gapless.training.evaluate import evaluate
from gapless.training.importance import permutation_importance
from gapless.training.metrics import METRICS, Scored, check_metrics

ORACLES = {
    "roc_auc": lambda y, p, w: sk.roc_auc_score(y, p, sample_weight=w),
    "average_precision": lambda y, p, w: sk.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: sk.log_loss(y, p, sample_weight=w, labels=[0, 1]),
    "brier": lambda y, p, w: sk.brier_score_loss(y, p, sample_weight=w),
    "accuracy": lambda y, p, w: sk.accuracy_score(y, p > 0.5, sample_weight=w),
    "rmse": lambda y, p, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: sk.r2_score(y, p, sample_weight=w),
}


@given(st.integers(0, 10_000), st.sampled_from(sorted(ORACLES)), st.booleans())
def test_equals_scikit_learn_with_ties_and_weights(seed, name, weighted):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(4, 60))
    y = np.arange(n) % 2 if METRICS[name].kind == "classification" else draw.normal(size=n)
    p = np.round(draw.random(n), 1)
    w = draw.integers(1, 4, n).astype(float) if weighted else np.ones(n)
    scored = Scored(y, p)
    assert METRICS[name].compute(scored, w[scored.order]) == pytest.approx(ORACLES[name](y, p, w), rel=1e-9, abs=1e-12)


def test_calibration_error_by_hand():
    scored = Scored([0, 1] * 50, [0.25] * 50 + [0.75] * 50)
    assert METRICS["calibration_error"].compute(scored, np.ones(100)) == pytest.approx(0.25)


def test_not_defined_is_none_and_the_rest_goes_on():
    made = evaluate(
        [0.0] * 50, np.linspace(0, 1, 50), np.arange(50) * DAY, check_metrics(["roc_auc", "brier"], "classification")
    )
    assert made.metrics["roc_auc"].value is None
    assert made.metrics["brier"].low < made.metrics["brier"].value < made.metrics["brier"].high


def clustered(days, rows_a_day, seed=0):
    """Days that differ: rows of one day share their fate."""
    draw = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows_a_day)
    y = (draw.random(days)[day] > 0.5).astype(float)
    return y, np.full(len(y), 0.5) + draw.normal(0, 0.05, len(y)), day * DAY + np.arange(len(y)) % rows_a_day * HOUR


def test_intervals_are_as_wide_as_the_days_make_them():
    y, p, at = clustered(60, 24)
    metric = check_metrics(["brier"], "classification")
    by_day = evaluate(y, p + y * 0.1, at, metric).metrics["brier"]
    alone = evaluate(y, p + y * 0.1, np.arange(len(y)) * DAY, metric).metrics["brier"]
    assert by_day.high - by_day.low > 2 * (alone.high - alone.low)


def test_is_deterministic_and_counts_what_had_no_answer():
    y, p, at = clustered(30, 24)
    p[:7] = np.nan
    metric = check_metrics(["roc_auc"], "classification")
    first, second = (evaluate(y, p, at, metric, seed=3) for _ in range(2))
    assert first == second
    assert (first.rows, first.unanswered) == (30 * 24 - 7, 7)


def test_months_and_slices_split_the_rows():
    y, p, at = clustered(90, 24)
    origin = np.where(np.arange(len(y)) % 3 == 0, "JFK", None)
    made = evaluate(y, p, at, check_metrics(["brier"], "classification"), slices={"origin": origin})
    assert [part.name for part in made.months] == ["1970-01", "1970-02", "1970-03"]
    assert sum(part.rows for part in made.months) == len(y)
    assert [(part.name, part.rows) for part in made.slices["origin"]] == [("(missing)", 1440), ("JFK", 720)]
    assert sum(b.rows for b in made.calibration) == len(y)


def test_a_small_slice_is_flagged():
    y, p, at = clustered(30, 24)
    names = ["rare"] * 5 + ["common"] * (len(y) - 5)
    made = evaluate(y, p, at, check_metrics(["brier"], "classification"), slices={"s": names})
    assert [part.small for part in made.slices["s"]] == [False, True]


def test_unknown_and_unfitting_metrics():
    with pytest.raises(UnknownName, match="roc_auc"):
        check_metrics(["roc_acu"], "classification")
    with pytest.raises(DefinitionError, match="rmse, mae, r2"):
        check_metrics(["brier"], "regression")


def test_shuffling_what_matters_hurts():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2_000, 3)).astype(np.float32)
    y = (x[:, 1] > 0).astype(float)
    found = permutation_importance(lambda rows: rows[:, 1], x, y, ["a", "b", "c"], METRICS["roc_auc"])
    assert found[0].feature == "b"
    assert found[0].loss > 0.4
    assert [one.loss for one in found[1:]] == [0.0, 0.0]


def test_rows_of_one_class_have_no_importance():
    features = np.arange(8, dtype=np.float32).reshape(4, 2)
    auc = METRICS["roc_auc"]
    assert permutation_importance(lambda rows: rows[:, 0], features, np.ones(4), ["a", "b"], auc) == ()


def test_no_answer_at_all_leaves_every_metric_undefined():
    (kind,) = check_metrics(["average_precision"], "classification")
    found = evaluate([1, 0], [np.nan, np.nan], [1, 2], [kind])
    assert (found.rows, found.unanswered, found.metrics["average_precision"].value) == (0, 2, None)


def test_every_metric_that_a_model_may_name_can_be_computed():
    assert {name: metric.kind for name, metric in METRICS.items()} == METRIC_KINDS
    assert {name for name, metric in METRICS.items() if not metric.greater_is_better} == LESS_IS_BETTER
