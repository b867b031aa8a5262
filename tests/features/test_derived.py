"""Columns of pandas functions: the same bits whatever the cut, strict types, and mistakes that name the line."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gapless as gl
from gapless.arrow import TIMESTAMP, schema_to_arrow
from gapless.errors import BugError, DefinitionError, MissingExtra, NotFound, UserCodeError
from gapless.features import (
    DerivedSources,
    Deriving,
    Limits,
    TableSources,
    check_row_wise,
    compute,
    derived_columns,
    one_batch,
    pinned_tables,
)
from gapless.product import FeatureSet
from tests.features.derived_world import MODEL, NAMES, enriched, features, read, score
from tests.features.world import EVENTS, event_table, history, request_table

SOURCE = gl.EventSource(
    "things",
    schema={"f": float, "i": int, "b": bool, "s": str, "t": datetime},
    event_time="t",
)
TINY = Limits(chunk_bytes=1, bucket_bytes=500)


def derivation(function, inputs=("f", "i", "b", "s", "t"), **outputs):
    return gl.pandas_function(source=SOURCE, inputs=inputs, outputs=outputs, version="1")(function).derivation


def things(rows):
    """Of (f, i, b, s, t in µs)."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    times = pa.array(columns[4], pa.int64()).cast(TIMESTAMP)
    table = pa.table([*columns[:4], times], schema=schema_to_arrow(SOURCE.columns))
    return table.combine_chunks().to_batches()[0]


ROWS = things([(1.5, 1, True, "a", 0), (None, None, None, None, None), (-0.0, 2**60, False, "🛫", 7)])


def answers(rows, asks, model=MODEL, **more):
    table = one_batch(compute(model, request_table(asks), TableSources({"events": event_table(rows)}), **more))
    place = table.column_names.index("made__when")
    return table.set_column(place, "made__when", table.column("made__when").cast(pa.int64())).select(NAMES).to_pylist()


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_function_over_the_whole_frame_and_the_naive_windows(seed):
    rows, asks = history(seed)
    whole = enriched(rows)
    assert answers(rows, asks) == [features(whole, *ask) for ask in asks]


@pytest.mark.parametrize("seed", range(3))
def test_chunks_and_buckets_change_nothing(seed):
    rows, asks = history(seed, events=300, requests=100)
    assert answers(rows, asks, limits=TINY) == answers(rows, asks)


VALUES = st.tuples(
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.text(max_size=4)),
    st.one_of(st.none(), st.integers(-(2**50), 2**50)),
)


def everything(frame):
    import numpy as np
    import pandas as pd

    with np.errstate(all="ignore"):
        floats = np.sqrt(frame["f"].to_numpy()) / 3
    return pd.DataFrame(
        {
            "f2": floats,
            "i2": frame["i"] // 2,
            "b2": frame["b"] & (frame["f"] > 0),
            "s2": frame["s"].map({"a": "A"}),
            "t2": frame["t"].dt.floor("D"),
            "i3": frame["s"].str.len(),
        }
    )


@settings(max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=20), st.data())
def test_any_cut_gives_the_same_bits(rows, data):
    made = derivation(everything, f2=float, i2=int, b2=bool, s2=str, t2=datetime, i3=int)
    batch = things(rows)
    whole = derived_columns(made, batch)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)), max_size=5)) | {0, len(rows)})
    parts = [derived_columns(made, batch.slice(a, b - a)) for a, b in pairwise(cuts)]
    assert pa.concat_batches(parts).equals(whole)
    assert whole.schema == schema_to_arrow(made.outputs)
    check_row_wise(made, batch)


def test_inputs_have_types_that_do_not_depend_on_the_rows():
    seen = []

    def look(frame):
        seen.append({name: str(kind) for name, kind in frame.dtypes.items()})
        frame["f"] += 1  # it is the function's own
        return frame[["f"]].rename(columns={"f": "g"})

    made = derivation(look, g=float)
    for batch in (ROWS, ROWS.slice(0, 1), ROWS.slice(1, 1)):
        derived_columns(made, batch)
    expected = {"f": "float64", "i": "Int64", "b": "boolean", "s": "string", "t": "datetime64[us, UTC]"}
    assert seen == [expected] * 3
    assert ROWS.column("f").to_pylist() == [1.5, None, -0.0]


def test_a_function_is_not_called_for_no_rows():
    made = derivation(lambda_that_fails, g=float, h=str)
    assert derived_columns(made, ROWS.slice(0, 0)).schema == schema_to_arrow(made.outputs)


def lambda_that_fails(frame):
    raise KeyError("no model")


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (float, [1, 2, None], [1.0, 2.0, None]),
        (float, [float("inf"), float("nan"), -0.0], [None, None, -0.0]),
        (int, [1.0, float("nan"), 3.0], [1, None, 3]),
        (int, [None, None, None], [None, None, None]),
        (str, [float("nan")] * 3, [None] * 3),
        (str, ["a", None, float("nan")], ["a", None, None]),
        (bool, [True, None, False], [True, None, False]),
        (datetime, [datetime(2020, 1, 1, tzinfo=UTC)] * 3, [datetime(2020, 1, 1, tzinfo=UTC)] * 3),
    ],
)
def test_results_become_the_declared_type(kind, values, expected):
    def give(frame):
        import pandas as pd

        return pd.DataFrame({"g": values})

    found = derived_columns(derivation(give, g=kind), ROWS).column("g")
    assert found.type == schema_to_arrow(gl.product.source.Schema.of({"g": kind})).field("g").type
    assert found.to_pylist() == expected


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (float, ["1", "2", "3"]),
        (float, [True, False, True]),
        (float, [2**53 + 1, 1, 1]),
        (int, [1.5, 2.0, 3.0]),
        (int, [2.0**60, 1.0, 1.0]),
        (bool, [0, 1, 1]),
        (bool, ["yes", "no", None]),
        (str, [1, 2, 3]),
        (str, ["a", 1, None]),
        (str, ["\ud800", "a", "b"]),
        (datetime, [datetime(2020, 1, 1)] * 3),
        (datetime, ["2020-01-01"] * 3),
        (float, [object()] * 3),
    ],
)
def test_values_of_another_type_name_the_function(kind, values):
    def give(frame):
        import pandas as pd

        return pd.DataFrame({"g": pd.Series(values, dtype=object if isinstance(values[0], object) else None)})

    with pytest.raises(DefinitionError, match="returns values in 'g' that its type cannot hold") as refused:
        derived_columns(derivation(give, g=kind), ROWS)
    assert (refused.value.where.file, refused.value.where.line) == (__file__, give.__code__.co_firstlineno)


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda frame: None, "does not return a DataFrame"),
        (lambda frame: frame["f"], "does not return a DataFrame"),
        (lambda frame: frame[["f"]], "does not return the columns"),
        (lambda frame: frame.assign(g=1.0), "does not return the columns"),
        (lambda frame: frame.assign(g=1.0)[["g", "g"]], "does not return the columns"),
        (lambda frame: frame.assign(g=1.0)[["g"]].head(2), "another number of rows"),
    ],
)
def test_results_of_another_shape_name_the_function(give, words):
    def function(frame):
        return give(frame)

    with pytest.raises(DefinitionError, match=words) as refused:
        derived_columns(derivation(function, g=float), ROWS)
    assert refused.value.where.line == function.__code__.co_firstlineno


def test_an_exception_inside_names_the_line():
    with pytest.raises(UserCodeError, match="pandas function 'lambda_that_fails' raised KeyError") as failed:
        derived_columns(derivation(lambda_that_fails, g=float), ROWS)
    assert failed.value.where.line == lambda_that_fails.__code__.co_firstlineno + 1


# ---- row-wise ------------------------------------------------------------------------------------

MANY = things([(float(i % 7), i, i % 2 == 0, f"s{i % 5}", i * 1_000_000) for i in range(50)])


def shifted(frame):
    return frame["f"].shift(1).to_frame("g")


def centred(frame):
    return (frame["f"] - frame["f"].mean()).to_frame("g")


def ranked(frame):
    return frame["f"].rank().to_frame("g")


def numbered(frame):
    return frame.assign(g=frame.index.to_numpy().astype(float))[["g"]]


def drawn(frame):
    import numpy as np

    return frame.assign(g=np.random.default_rng().random(len(frame)))[["g"]]


def counted(frame, calls=[0]):  # noqa: B006  what the test is about
    calls[0] += 1
    return frame.assign(g=float(calls[0]))[["g"]]


@pytest.mark.parametrize("function", [shifted, centred, ranked, numbered, drawn, counted])
def test_a_function_that_is_not_row_wise_is_refused(function):
    with pytest.raises(DefinitionError, match="is not row-wise: a row has another 'g'") as refused:
        check_row_wise(derivation(function, g=float), MANY)
    assert refused.value.where.line == function.__code__.co_firstlineno


def test_it_is_refused_where_features_are_computed():
    rows, asks = history(1)

    @gl.pandas_function(source=EVENTS, inputs=["x"], outputs={"size": float}, version="1")
    def relative(frame):
        return (frame["x"] / frame["x"].max()).to_frame("size")

    @gl.feature_view(entity=MODEL.views[0].entity, source=relative)
    def made(e):
        return {"size": gl.sum(e.size, windows=["1d"])}

    with pytest.raises(DefinitionError, match="not row-wise"):
        list(compute(FeatureSet(MODEL.requests, (made,), ()), request_table(asks),
                     TableSources({"events": event_table(rows)})))  # fmt: skip


# ---- where it runs -------------------------------------------------------------------------------


def test_a_function_that_no_view_needs_does_not_run():
    rows, _ = history(1)
    deriving = Deriving(lambda: 0)
    reader = DerivedSources(TableSources({"events": event_table(rows)}), deriving)
    assert reader.read(read, ["x", "at"], start_us=None, end_us=None).read_all().num_rows == len(rows)
    assert deriving.runs() == []
    assert reader.read(score, ["size"], start_us=None, end_us=None).read_all().column_names == ["size", "_known_at"]
    assert [run.name for run in deriving.runs()] == ["read"]


def test_runs_are_counted_and_measured():
    rows, asks = history(1)
    ticks = iter(range(0, 10**9, 1_000))
    deriving = Deriving(lambda: next(ticks))
    list(compute(MODEL, request_table(asks), DerivedSources(TableSources({"events": event_table(rows)}), deriving)))
    runs = {run.name: run for run in deriving.runs()}
    assert set(runs) == {"read", "score"}
    assert (runs["score"].version, runs["score"].rows) == ("1", 60)
    assert runs["score"].us_per_row == pytest.approx(1 / 60)
    assert runs["score"].rate == pytest.approx(60e6)


def test_features_of_a_bundle_need_the_products_function():
    rows, asks = history(2)
    unbound = FeatureSet.from_document(MODEL.feature_set.to_document())
    with pytest.raises(NotFound, match="does not have pandas function 'read'") as lost:
        answers(rows, asks, unbound)
    assert "version '1'" in lost.value.seen
    assert answers(rows, asks, unbound.with_functions(MODEL.feature_set.pandas_functions)) == answers(rows, asks)


def test_a_derived_source_has_no_tables_of_its_own():
    with pytest.raises(BugError, match="DerivedSources"):
        pinned_tables(read, {"events": 0})


def test_without_pandas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"gapless\[pandas\]"):
        derived_columns(derivation(shifted, g=float), ROWS)
