"""The written product imports, loads, and computes what the function gives."""

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import gapless as gl
from gapless.adopting import adopt
from gapless.adopting.comparing import compare
from gapless.adopting.samples import sample_of, to_arrow
from gapless.adopting.skeleton import Skeleton
from gapless.errors import SettingsError, UnknownName
from gapless.features import TableSources, compute, one_batch
from gapless.product import FeatureSet
from gapless.product.loading import load_product
from tests.adopting import functions
from tests.adopting.reading import outcomes


def executed(text, folder=None):
    """The names that it defines, read from a file where the text of its functions is asked for."""
    file = "product.py"
    if folder is not None:
        file = str(folder / file)
        (folder / "product.py").write_text(text, encoding="utf-8")
    names = {}
    exec(compile(text, file, "exec"), names)
    return names


def computed(feature_set, frame):
    sample = sample_of(frame)
    types = {c.name: c.type for c in sample.columns.values() if c.written in feature_set.requests.columns}
    batch = to_arrow(sample, frame, types)
    return one_batch(compute(feature_set, pa.Table.from_batches([batch]), TableSources({})))


def agrees(report, table, theirs, prefix):
    checked = 0
    for column in report.columns:
        if column.status == "expressed" and column.type.is_numeric:
            ours = table.column(f"{prefix}__{column.feature}").combine_chunks()
            found = compare(theirs[column.name], ours, column.type, 0, 4, str)
            assert found.same, (column.name, found.first_different)
            checked += 1
    return checked


@pytest.mark.parametrize(
    ("function", "frame", "time", "checked"),
    [
        (functions.flights, functions.flight_rows(), "departed_at", 11),
        (functions.taxi, functions.taxi_rows(), "pickup", 10),
        (functions.credit, functions.credit_rows(), "applied", 10),
        (functions.shop, functions.shop_rows(), "ordered", 8),
        (functions.leaking, functions.flight_rows(), "departed_at", 1),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_it_computes_what_the_function_gives(function, frame, time, checked):
    told = Skeleton(name=function.__name__, time=time)
    report = adopt(function, frame, probes=400, skeleton=told)
    names = executed(report.product)
    requests, features = names["requests"], names[function.__name__]
    bound = features.bind({name: kind.in_expressions for name, kind in requests.columns.items()})
    table = computed(FeatureSet(requests, (), (bound,)), frame)
    assert agrees(report, table, outcomes(function, frame), features.name) == checked


def labelled(rows=300):
    frame = functions.flight_rows(rows)
    return frame.assign(arrived_at=frame.departed_at + pd.Timedelta("3h"), late=(frame.dep_delay > 15).astype(int))


TOLD = Skeleton(
    source="departures",
    name="flights",
    time="departed_at",
    event_id="flight_id",
    label="late",
    label_time="arrived_at",
    key="origin",
)


def test_with_a_label_it_is_a_whole_product(tmp_path):
    frame = labelled()
    report = adopt(functions.flights, frame, probes=400, skeleton=TOLD)
    (tmp_path / "product.py").write_text(report.product, encoding="utf-8")
    product = load_product("product:product", tmp_path)
    (model,) = product.models
    assert list(model.requests.columns) == [c for c in frame.columns if c not in ("late", "arrived_at")]
    assert model.label.columns[0] == "late"
    assert model.requests.event_time == "departed_at"
    table = computed(model.feature_set, frame)
    assert agrees(report, table, outcomes(functions.flights, frame), "flights") == 11


def test_it_trains(tmp_path):
    """From a notebook's function to a registered version, with no line added."""
    frame = labelled(1_500)
    frame.to_parquet(tmp_path / "rows.parquet")
    report = adopt(functions.flights, frame, probes=0, skeleton=TOLD)
    (tmp_path / "product.py").write_text(report.product, encoding="utf-8")
    (tmp_path / "gapless.toml").write_text('product = "product:product"\n', encoding="utf-8")
    workspace = gl.Workspace.open(tmp_path)
    for source in ("departures", "outcomes"):
        workspace.ingest(source, tmp_path / "rows.parquet")
    trained = workspace.train("late_model")
    assert trained.version


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        (Skeleton(time="nothing"), UnknownName, "column of the sample for time"),
        (Skeleton(label="late"), SettingsError, "the time at which it is known"),
        (Skeleton(label="late", label_time="origin", event_id="flight_id"), SettingsError, "no label can be learned"),
    ],
)
def test_what_cannot_be_told_is_refused(told, error, words):
    with pytest.raises(error, match=words):
        adopt(functions.flights, labelled(50), probes=0, skeleton=told)


def test_names_that_no_schema_takes_are_written_plain():
    frame = pd.DataFrame({"Sepal length (cm)": [1.0, 2.0], "class": ["a", "b"], "2nd": [1, 2], "x": [[1], [2]]})
    report = adopt(lambda df: pd.DataFrame({"twice it": df["Sepal length (cm)"] * 2, "2": df["2nd"] + 1}), frame)
    assert [(c.feature, c.text) for c in report.columns] == [
        ("twice_it", "r.Sepal_length_cm * 2"),
        ("c_2", "r.c_2nd + 1"),
    ]
    assert any("names that no schema takes" in note for note in report.notes)
    assert "asked_at" in executed(report.product)["requests"].columns
    assert "# left out: 'x' (list values)" in report.product


def test_a_sample_without_times_gets_one():
    report = adopt(lambda df: df.assign(y=df.x + 1), pd.DataFrame({"x": [1.0, np.nan]}))
    assert executed(report.product)["requests"].event_time == "asked_at"


def test_it_loads_nothing_heavy():
    text = adopt(functions.flights, functions.flight_rows(50), probes=0).product
    assert "pandas" not in text
    assert "gapless" in sys.modules


def test_what_is_no_expression_is_looked_up(tmp_path):
    """The author's function runs over the source in batches, and a view gives its last value."""
    frame = functions.flight_rows(200)
    told = Skeleton(target="tests.adopting.functions:by_python", name="by_python", time="departed_at", key="flight_id")
    report = adopt(functions.by_python, frame, probes=400, skeleton=told)
    names = executed(report.product, tmp_path)
    source, view = names["requests_by_by_python"], names["latest_by_by_python"]
    assert list(source.columns)[-3:] == ["vowels", "sine", "digits"]
    sample = sample_of(frame)
    events = pa.Table.from_batches([to_arrow(sample, frame, {c.name: c.type for c in sample.columns.values()})])
    later = frame.assign(departed_at=frame.departed_at + pd.Timedelta("1h"))
    asked = pa.Table.from_batches([to_arrow(sample, later, {c.name: c.type for c in sample.columns.values()})])
    table = one_batch(compute(FeatureSet(names["requests"], (view,), ()), asked, TableSources({"requests": events})))
    theirs = outcomes(functions.by_python, frame)
    for name in ("vowels", "sine"):
        ours = table.column(f"latest_by_by_python__{name}").to_numpy(zero_copy_only=False)
        np.testing.assert_array_equal(ours.astype(float), theirs[name].to_numpy(dtype=float))
    assert table.column("latest_by_by_python__digits").to_pylist() == theirs["digits"].tolist()
