"""A label is what was known last in time; what never came is given up, not negative."""

import random

import numpy as np
import pyarrow as pa
import pytest

import gapless as gl
from gapless.arrow import TIMESTAMP, schema_to_arrow
from gapless.clock import DAY, HOUR
from gapless.errors import InputError
from gapless.features import TableSources
from gapless.training.labels import GIVEN_UP, LABELLED, PENDING, label_columns, labels_of
from tests.features.world import MODEL, REQUESTS, START, TRUTH, request_table

GIVE_UP = 2 * DAY
DELAY = HOUR  # of the truth's source


def truth_table(rows):
    columns = {
        "id": [r[0] for r in rows],
        "y": [r[1] for r in rows],
        "t": pa.array([r[2] for r in rows], pa.int64()).cast(TIMESTAMP),
    }
    return pa.table(columns, schema=schema_to_arrow(TRUTH.columns))


def labels(asks, rows, *, known_by_us, model=MODEL):
    batch = request_table([(("x", 1), at) for at in asks]).to_batches()[0]
    made = label_columns(model, batch, TableSources({"truth": truth_table(rows)}), known_by_us=known_by_us)
    value, maturity, known = (column.to_pylist() for column in made.values())
    return list(zip(value, maturity, (k and int(k.timestamp() * 1e6) for k in known), strict=True))


def reference(at, request, rows, known_by):
    seen = [
        (when + DELAY, i, y > 0)
        for i, (name, y, when) in enumerate(rows)
        if name == request
        and y is not None
        and at <= when <= at + GIVE_UP
        and when + DELAY <= min(known_by, at + GIVE_UP)
    ]
    if seen:
        known, _, value = max(seen)
        return value, LABELLED, known
    return None, GIVEN_UP if known_by >= at + GIVE_UP else PENDING, None


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_slow_definition(seed):
    draw = random.Random(seed)
    asks = [START + draw.randrange(4 * DAY) for _ in range(30)]
    rows = [
        (f"r{draw.randrange(35)}", draw.choice([1.0, 0.0, None]), START + draw.randrange(-DAY, 7 * DAY))
        for _ in range(80)
    ]
    known_by = START + draw.randrange(8 * DAY)
    expected = [reference(at, f"r{i}", rows, known_by) for i, at in enumerate(asks)]
    assert labels(asks, rows, known_by_us=known_by) == expected


def test_the_moment_of_the_request_and_of_giving_up():
    at = START
    for when, state in [(at - 1, GIVEN_UP), (at, LABELLED), (at + GIVE_UP - DELAY, LABELLED), (at + GIVE_UP, GIVEN_UP)]:
        ((_, maturity, _),) = labels([at], [("r0", 1.0, when)], known_by_us=at + 9 * DAY)
        assert maturity == state, when - at


def test_a_correction_wins_once_it_is_known():
    rows = [("r0", 1.0, START + HOUR), ("r0", 0.0, START + 5 * HOUR)]
    assert labels([START], rows, known_by_us=START + 3 * HOUR)[0][0] is True
    assert labels([START], rows, known_by_us=START + 9 * HOUR)[0][0] is False


def test_a_regression_keeps_the_value():
    label = gl.Label("y", source=TRUTH, value=lambda t: t.y * 2, give_up_after="2d")
    model = gl.Model(
        "m", requests=REQUESTS, features=MODEL.features, label=label, estimator=object, metrics=["rmse"]
    )  # fmt: skip
    assert labels([START], [("r0", 1.5, START)], known_by_us=START + DAY, model=model)[0][0] == 3.0


def test_no_truth_at_all():
    assert labels([START], [], known_by_us=START) == [(None, PENDING, None)]


def test_a_repeated_request_id_is_refused():
    batch = pa.concat_tables([request_table([(("x", 1), START)])] * 2).combine_chunks().to_batches()[0]
    with pytest.raises(InputError, match="same id"):
        label_columns(MODEL, batch, TableSources({"truth": truth_table([])}), known_by_us=START)


@pytest.mark.parametrize("seed", range(20))
def test_a_request_that_was_asked_more_than_once_is_labelled_as_of_each_instant(seed):
    draw = random.Random(seed)
    asks = [(draw.choice(["r0", "r1", "r2", None]), START + draw.randrange(4 * DAY)) for _ in range(25)]
    rows = [
        (f"r{draw.randrange(4)}", draw.choice([1.0, 0.0, None]), START + draw.randrange(6 * DAY)) for _ in range(40)
    ]
    known_by = START + draw.randrange(8 * DAY)
    ids, at = pa.array([name for name, _ in asks], pa.string()), np.array([at for _, at in asks])
    made = labels_of(MODEL, ids, at, TableSources({"truth": truth_table(rows)}), known_by_us=known_by)
    value, maturity, _ = (column.to_pylist() for column in made.values())
    expected = [reference(at, name, rows, known_by)[:2] for name, at in asks]
    assert list(zip(value, maturity, strict=True)) == expected
