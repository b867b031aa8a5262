"""Tables as they come: types of columns, missing columns, empty batches."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from gapless.errors import InputError
from gapless.expr import Row, compile_columns, compile_row, literal, null
from gapless.schema import Type

r = Row({"x": Type.FLOAT, "n": Type.INT, "p": Type.BOOL, "s": Type.STRING, "t": Type.TIMESTAMP}, what="request")


def values(expr: object, **columns: pa.Array) -> list[object]:
    return compile_columns({"out": expr})(pa.RecordBatch.from_pydict(columns)).column("out").to_pylist()  # type: ignore[dict-item]


@pytest.mark.parametrize("kind", [pa.float32(), pa.int8(), pa.int64(), pa.uint16(), pa.float64()])
def test_numbers_of_every_width(kind: pa.DataType) -> None:
    assert values(r.x + 1, x=pa.array([1, None, 3], kind)) == [2.0, None, 4.0]


STRINGS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
INSTANTS = [pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("us", "America/New_York"), pa.timestamp("ns", "UTC")]


@pytest.mark.parametrize("kind", STRINGS)
def test_strings_of_every_form(kind: pa.DataType) -> None:
    assert values(r.s.upper(), s=pa.array(["a", None, "é"]).cast(kind)) == ["A", None, "é"]


@pytest.mark.parametrize("kind", INSTANTS)
def test_instants_of_every_unit(kind: pa.DataType) -> None:
    assert values(r.t.hour(), t=pa.array([7_200, None]).cast(pa.timestamp("s")).cast(kind)) == [2.0, None]


def test_results_have_arrow_s_usual_types() -> None:
    made = {"x": r.x, "p": r.x > 0, "s": r.s, "t": r.t}
    out = compile_columns(made)(
        pa.RecordBatch.from_pydict({"x": [1.0], "s": ["a"], "t": pa.array([0], pa.timestamp("us", "UTC"))})
    )
    assert out.schema.types == [pa.float64(), pa.bool_(), pa.string(), pa.timestamp("us", "UTC")]
    assert out.column("t")[0].as_py() == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_column_of_nulls_and_an_empty_table() -> None:
    assert values(r.s.to_float() + r.x, x=pa.nulls(2), s=pa.nulls(2)) == [None, None]
    assert values(r.s.to_float() + r.x, x=pa.array([], pa.float64()), s=pa.array([], pa.string())) == []
    made = {"one": literal(1), "none": null(str), "text": literal("é")}
    assert compile_columns(made)(pa.RecordBatch.from_pydict({"x": [1, 2]})).to_pydict() == {
        "one": [1.0, 1.0],
        "none": [None, None],
        "text": ["é", "é"],
    }


def test_nan_and_infinities_are_null_from_the_start() -> None:
    assert values(r.x.is_null(), x=pa.array([np.nan, np.inf, -np.inf, 0.0, None])) == [True, True, True, False, True]
    assert compile_row({"out": r.x.is_null()})({"x": float("nan")}) == {"out": True}


def test_slices_of_a_table_read_their_own_rows() -> None:
    batch = pa.RecordBatch.from_pydict({"s": ["a", None, "ccc", "dd"], "p": [True, False, None, True]}).slice(1, 3)
    out = compile_columns({"length": r.s.length(), "not": ~r.p})(batch)
    assert out.to_pydict() == {"length": [None, 3.0, 2.0], "not": [True, None, False]}


@pytest.mark.parametrize(
    ("expr", "column"),
    [
        (r.x + 1, pa.array(["1"])),
        (r.x + 1, pa.array([True])),
        (r.s.length(), pa.array([1])),
        (~r.p, pa.array([1])),
        (r.t.hour(), pa.array([1])),
        (r.t.hour(), pa.array([1], pa.timestamp("ns"))),
        (r.t.hour(), pa.array([1], pa.date32())),
    ],
)
def test_another_type_of_column_is_refused(expr: object, column: pa.Array) -> None:
    with pytest.raises(InputError, match="has another type"):
        values(expr, **dict.fromkeys("xspt", column))


def test_a_missing_column_is_named() -> None:
    program = compile_columns({"out": Row({"dep_delay": Type.FLOAT}, what="x").dep_delay})
    with pytest.raises(InputError, match="did you mean 'dep_dely'"):
        program(pa.RecordBatch.from_pydict({"dep_dely": [1.0]}))
