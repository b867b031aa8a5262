"""Numbers about outcomes, against plain Python over lists."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

import gapless as gl
from gapless.clock import DAY, HOUR
from gapless.streaming.coverage import coverage, delay_distribution, scored
from gapless.streaming.outcomes import OUTCOMES
from tests.features.world import MODEL, REQUESTS, TRUTH

STATES = ("labelled", "labelled", "pending", "given_up")
MODEL_OF_BOTH = gl.Model(
    "m", requests=REQUESTS, features=MODEL.features, label=MODEL.label, estimator=object, metrics=["roc_auc", "brier"]
)


def random_rows(seed: int, count: int):
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        state, at = draw.choice(STATES), draw.randrange(-3 * DAY, 4 * DAY)
        labelled = state == "labelled"
        rows.append(
            {
                "as_of": at,
                "maturity": state,
                "label": float(draw.random() < 0.4) if labelled else None,
                "label_known_at": at + draw.choice([0, HOUR, draw.randrange(2 * DAY)]) if labelled else None,
                "restated": draw.choice([0, 0, 1, 3]) if labelled else 0,
                "prediction": draw.choice([0.0, 1.0]),
                "probability": draw.choice([None, draw.random(), 0.5]),
            }
        )
    return rows


def table_of(rows):
    return pa.Table.from_pylist(rows, schema=OUTCOMES) if rows else OUTCOMES.empty_table()


def name_of(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).date().isoformat()


@pytest.mark.parametrize("seed", range(20))
def test_coverage_counts_each_day(seed):
    rows = random_rows(seed, seed * 5)
    found = coverage(table_of(rows))
    assert [day.day for day in found] == sorted({name_of(row["as_of"]) for row in rows})
    for day in found:
        own = [row for row in rows if name_of(row["as_of"]) == day.day]
        states = Counter(row["maturity"] for row in own)
        assert (day.answers, day.labelled, day.pending, day.given_up, day.restated) == (
            len(own),
            states["labelled"],
            states["pending"],
            states["given_up"],
            sum(row["restated"] > 0 for row in own),
        )
        assert day.share_labelled == states["labelled"] / len(own)


@pytest.mark.parametrize("seed", range(20))
def test_delays_are_those_of_labels(seed):
    rows = random_rows(seed, 1 + seed * 7)
    delays = sorted(row["label_known_at"] - row["as_of"] for row in rows if row["maturity"] == "labelled")
    found = delay_distribution(table_of(rows), give_up_us=2 * DAY)
    assert found.count == len(delays)
    assert found.max_us == max(delays, default=None)
    for percent, us in found.quantiles_us.items():
        enough = math.ceil(len(delays) * int(percent) / 100)
        assert us == min(value for value in delays if sum(other <= value for other in delays) >= enough)
    assert set(found.known_after) <= {"1h", "6h", "24h", "48h"}
    for name, share in found.known_after.items():
        assert share == sum(us <= int(name[:-1]) * HOUR for us in delays) / len(delays)


def test_only_times_before_giving_up_are_told():
    rows = [{"as_of": 0, "maturity": "labelled", "label": 1.0, "label_known_at": HOUR}]
    assert list(delay_distribution(table_of(rows), give_up_us=6 * HOUR).known_after) == ["1h", "6h"]
    assert list(delay_distribution(table_of(rows), give_up_us=HOUR - 1).known_after) == []
    assert delay_distribution(table_of([]), give_up_us=DAY).to_dict() == {
        "count": 0,
        "quantiles_us": {},
        "max_us": None,
        "known_after": {},
    }


@pytest.mark.parametrize("seed", range(10))
def test_scores_of_a_day_are_those_of_scikit_learn(seed):
    rows = random_rows(seed, 200)
    for day in scored(MODEL_OF_BOTH, table_of(rows)):
        own = [row for row in rows if name_of(row["as_of"]) == day.day and row["maturity"] == "labelled"]
        truth = [row["label"] for row in own]
        score = table_of(own).to_pylist()
        score = [row["prediction"] if row["probability"] is None else row["probability"] for row in score]
        assert day.rows == len(own)
        assert day.metrics["brier"] == pytest.approx(brier_score_loss(truth, score))
        if len(set(truth)) == 2:
            assert day.metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, score))
        else:
            assert day.metrics["roc_auc"] is None


def test_a_regression_is_scored_by_its_prediction_and_an_answer_without_one_is_not():
    label = gl.Label("y", source=TRUTH, value=lambda t: t.y, give_up_after="2d")
    model = gl.Model("m", requests=REQUESTS, features=MODEL.features, label=label, estimator=object, metrics=["mae"])
    known = {"maturity": "labelled", "label_known_at": 0}
    rows = [
        {**known, "as_of": 0, "label": 3.0, "prediction": 1.0},
        {**known, "as_of": 1, "label": 9.0, "prediction": None},
        {"as_of": 2, "maturity": "pending", "prediction": 5.0},
    ]
    (day,) = scored(model, table_of(rows))
    assert (day.rows, day.metrics) == (1, {"mae": 2.0})
