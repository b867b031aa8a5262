"""Feature functions as people write them: each column is an expression, a function, or says what it depends on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gapless.adopting import adopt
from gapless.errors import DefinitionError, InputError, UserCodeError
from tests.adopting import functions
from tests.adopting.reading import computed, expression


def columns(function, frame, **options):
    return {column.name: column for column in adopt(function, frame, probes=2_000, **options).columns}


@pytest.mark.parametrize(
    ("function", "frame", "made"),
    [
        (functions.flights, functions.flight_rows(), 11),
        (functions.taxi, functions.taxi_rows(), 10),
        (functions.credit, functions.credit_rows(), 10),
        (functions.shop, functions.shop_rows(), 9),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_every_column_is_an_expression(function, frame, made):
    before = frame.copy()
    report = adopt(function, frame, probes=2_000)
    wrong = [(column.name, column.reason) for column in report.columns if column.status != "expressed"]
    assert wrong == []
    assert len(report.columns) == made
    assert report.ok
    assert report.probes >= 1_000
    pd.testing.assert_frame_equal(frame, before)
    for column in report.columns:  # the text is the expression that was proven
        values = computed(expression(column.text, frame), frame)
        assert len(values) == len(frame)


def test_texts_read_like_an_author_wrote_them():
    found = columns(functions.flights, functions.flight_rows())
    assert found["speed"].text == "r.distance / (r.air_time / 60)"
    assert found["is_late"].text == "(r.dep_delay > 15).fill_null(False).to_float()"
    assert found["hour_local"].text == 'r.departed_at.hour("America/New_York")'
    assert found["delay_capped"].text == "gl.minimum(gl.maximum(r.dep_delay, -30), 180).fill_null(0)"
    assert found["origin_code"].text == 'r.origin.position_in(["EWR", "JFK", "LGA"])'
    assert found["delay_per_mile"].text == "r.dep_delay / r.distance"


def test_infinite_values_are_counted_and_not_hidden():
    found = columns(functions.flights, functions.flight_rows())
    assert found["speed"].compared.infinite > 0
    assert "±inf is null in" in found["speed"].compared.text
    assert found["delay_per_mile"].compared.infinite == 0


def test_what_depends_on_other_rows_is_refused_with_a_windowed_feature():
    found = columns(functions.leaking, functions.flight_rows())
    assert {name: c.status for name, c in found.items() if c.status != "refused"} == {"late": "expressed"}
    assert 'gl.mean(e.dep_delay, windows=["30d"])' in found["mean_by_origin"].reason
    assert "keys=['origin']" in found["mean_by_origin"].reason
    assert "Series.mean (functions.py:" in found["scaled"].reason
    assert "gl.last(e.dep_delay)" in found["before"].reason
    for name in ("mean_by_origin", "scaled", "before", "rolling", "rank", "code"):
        assert "gave other values" in found[name].reason or "gave another value" in found[name].reason


def test_what_no_expression_says_becomes_a_function_with_the_line():
    found = columns(functions.by_python, functions.flight_rows())
    assert {name: c.status for name, c in found.items()} == {
        "vowels": "function",
        "sine": "function",
        "digits": "function",
        "late": "expressed",
    }
    lines = Path(functions.__file__).read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "np.sin" in text)
    assert found["sine"].reason == f"np.sin (functions.py:{line})"


def test_a_wrong_guess_is_not_believed():
    """A constant taken out of the sample looks like one in the expression; the rows made from it show the truth."""

    def largest(df):
        top = max(df["dep_delay"].dropna().tolist())
        return df.assign(share=df["dep_delay"] / top)

    found = columns(largest, functions.flight_rows())
    assert found["share"].status == "refused"
    assert found["share"].compared.different > 0
    assert "rows differ: pandas" in found["share"].reason


def test_a_branch_on_the_data_is_not_believed():
    def branching(df):
        shift = 1 if df["dep_delay"].isna().sum() > 45 else 0
        return df.assign(moved=df["dep_delay"] + shift)

    frame = functions.flight_rows()
    assert frame["dep_delay"].isna().sum() < 45
    found = columns(branching, frame)
    assert found["moved"].status != "expressed"
    assert found["moved"].compared.different > 0


def test_a_function_of_chance_is_refused():
    random = np.random.default_rng(0)
    found = columns(lambda df: df.assign(noise=random.random(len(df))), functions.flight_rows())
    assert found["noise"].status == "refused"
    assert "another run gave other values" in found["noise"].reason


@pytest.mark.parametrize(
    ("function", "name", "text"),
    [
        (lambda df: df["dep_delay"].fillna(0), "dep_delay", "r.dep_delay.fill_null(0)"),
        (lambda df: np.where(df["dep_delay"] > 0, 1, 0), "<lambda>", "gl.when(r.dep_delay > 0, 1).otherwise(0)"),
        (lambda df: df[["distance"]].astype(float), "distance", "r.distance"),
    ],
)
def test_a_series_an_array_and_a_choice_of_columns_are_features(function, name, text):
    (column,) = adopt(function, functions.flight_rows()[["dep_delay", "distance"]]).columns[:1]
    assert (column.name, column.text, column.status) == (name, text, "expressed")


def test_columns_handed_on_are_no_features():
    report = adopt(functions.flights, functions.flight_rows())
    assert set(report.unchanged) == set(functions.flight_rows().columns)


def test_rows_that_are_dropped_are_a_mistake_of_the_author():
    with pytest.raises(DefinitionError, match="gives no value for each row"):
        adopt(lambda df: df[df["dep_delay"] > 0], functions.flight_rows())


def test_what_the_function_raises_names_its_line():
    with pytest.raises(UserCodeError, match="KeyError") as raised:
        adopt(lambda df: df.assign(x=df["nothing"]), functions.flight_rows())
    assert str(raised.value.where).endswith("test_functions.py:" + str(raised.value.where.line))


def test_a_sample_needs_rows():
    with pytest.raises(InputError, match="no table that can be used"):
        adopt(functions.flights, functions.flight_rows().head(0))


def test_texts_that_are_parsed_become_times_of_the_schema():
    frame = functions.flight_rows()
    frame["departed_at"] = frame["departed_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    report = adopt(lambda df: df.assign(hour=pd.to_datetime(df["departed_at"]).dt.hour), frame)
    assert [(c.text, c.status) for c in report.columns] == [("r.departed_at.hour()", "expressed")]
    assert '"departed_at": datetime' in report.product


def test_dummies_are_comparisons_with_the_values_of_the_sample():
    report = adopt(lambda df: pd.get_dummies(df[["origin", "dep_delay"]], columns=["origin"]), functions.flight_rows())
    assert {c.name: c.text for c in report.columns if c.name.startswith("origin_")} == {
        f"origin_{value}": f'(r.origin == "{value}").fill_null(False)' for value in ("EWR", "JFK", "LGA")
    }
    assert report.ok


def test_a_label_is_no_feature():
    from gapless.adopting.skeleton import Skeleton

    frame = functions.flight_rows().assign(arrived=lambda d: d.departed_at + pd.Timedelta("3h"), late=1)
    told = Skeleton(label="late", label_time="arrived", event_id="flight_id", time="departed_at")
    report = adopt(lambda df: df.assign(x=df.late * 2, y=df.distance * 2), frame, skeleton=told)
    assert {c.name: c.status for c in report.columns} == {"x": "refused", "y": "expressed"}
    assert "it reads late, known after the request" in report.columns[0].reason


def test_a_kernel_of_kaggle():
    """Renamed columns, assignments by condition, loops, dummies, a filter that all rows pass."""
    found = columns(functions.titanic, functions.titanic_rows())
    assert {name for name, c in found.items() if c.status == "refused"} == {"fare", "fare_bin", "usual"}
    assert {name for name, c in found.items() if c.status == "function"} == {"title"}
    assert "Series.median" in found["fare"].reason
    assert "compute it once and write the number" in found["usual"].reason
    assert found["isalone"].text == "gl.when(r.SibSp + r.Parch + 1 == 1, 1).otherwise(0)"
    assert found["sex"].text == 'r.Sex.position_in(["female", "male"]).fill_null(-1)'
    assert found["relatives"].text == "r.SibSp + r.Parch"
    assert found["emb_C"].text == 'r.Embarked.fill_null("S") == "C"'
    assert len([c for c in found.values() if c.status == "expressed"]) == 17
