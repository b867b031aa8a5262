"""What an author writes, and what a mistake says."""

# ruff: noqa: SIM300
from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gapless.errors import DefinitionError, InputError, TypeMismatch, UnknownName
from gapless.expr import (
    Expr,
    Row,
    coalesce,
    column,
    columns_of,
    compile_columns,
    compile_row,
    concat,
    literal,
    minimum,
    null,
    when,
)
from gapless.schema import Type

r = Row(
    {
        "x": Type.FLOAT,
        "n": Type.INT,
        "p": Type.BOOL,
        "s": Type.STRING,
        "t": Type.TIMESTAMP,
        "congestion": {"mean_delay_1h": Type.FLOAT},
    },
    what="request",
)


def test_a_row_gives_typed_columns_and_groups() -> None:
    assert isinstance(r.x, Expr)
    assert r.n.type is Type.FLOAT
    assert columns_of(r.congestion.mean_delay_1h + r.x) == {"congestion__mean_delay_1h", "x"}
    assert dir(r) == ["congestion", "n", "p", "s", "t", "x"]


def test_importing_expressions_loads_nothing_heavy() -> None:
    code = "import sys, gapless.expr; print([m for m in ('numpy', 'pyarrow', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("mistake", "error", "words"),
    [
        (lambda: r.delya, UnknownName, ["delya", "column of request", "congestion, n, p, s, t, x"]),
        (lambda: r.congestion.mean_delay_2h, UnknownName, ["did you mean 'mean_delay_1h'?"]),
        (lambda: r.x + r.s, TypeMismatch, ["x + y", "float, string", "float, float -> float", ".to_float()"]),
        (lambda: r.x & r.p, TypeMismatch, ["p & q", "float, bool", "x > 0"]),
        (lambda: r.p + 1, TypeMismatch, ["bool, float", ".to_float()"]),
        (lambda: r.t - r.t, TypeMismatch, ["timestamp, timestamp", ".hours_since(other)"]),
        (lambda: r.t > "2013-01-01", TypeMismatch, ["timestamp, string", "datetime(2013, 1, 1"]),
        (lambda: r.s.log(), TypeMismatch, ["x.log()", "string", "float -> float"]),
        (lambda: r.x.hour(), TypeMismatch, ["t.hour(zone)", ".to_timestamp()"]),
        (lambda: r.x == None, TypeMismatch, [".is_null()"]),  # noqa: E711
        (lambda: r.x.apply("add", [1]), TypeMismatch, ["list"]),
        (lambda: r.s.is_in([1, 2]), TypeMismatch, ["x.is_in([...])", "string"]),
        (lambda: r.s.is_in([]), DefinitionError, ["at least one value"]),
        (lambda: r.s.is_in(["a", "a"]), DefinitionError, ["twice"]),
        (lambda: r.s.is_in({"a", "b"}), DefinitionError, ["order"]),
        (lambda: r.t.hour("America/NewYork"), DefinitionError, ["America/New_York"]),
        (lambda: r.t.truncate("decade"), DefinitionError, ["'day'", "'month'"]),
        (lambda: r.s.replace("", "x"), DefinitionError, ["at least one character"]),
        (lambda: r.s.hash_bucket(0), DefinitionError, ["from 1 to 2^31"]),
        (lambda: r.s[1], TypeMismatch, ["s[start:stop]"]),
        (lambda: r.s[::2], TypeMismatch, ["s[start:stop]"]),
        (lambda: r.x + 2**60, DefinitionError, ["2^53"]),
        (lambda: r.x + math.nan, DefinitionError, ["finite"]),
        (lambda: literal("\ud800"), DefinitionError, ["lone surrogates"]),
        (lambda: literal(1j), TypeMismatch, ["complex"]),
        (lambda: null(list), TypeMismatch, ["null(float)"]),
        (lambda: minimum(r.x), TypeMismatch, ["at least two"]),
        (lambda: when(r.x, 1).otherwise(0), TypeMismatch, ["when(p, x).otherwise(y)", "float, float, float", "x > 0"]),
        (lambda: when(r.p, 1).otherwise("a"), TypeMismatch, ["bool, float, string"]),
        (lambda: coalesce(None, None), TypeMismatch, ["null(float)"]),
        (lambda: r.t + "1 month", DefinitionError, ["duration"]),
        # Python that would need one value for all rows.
        (lambda: 1 if r.x > 1 else 0, TypeMismatch, ["neither true nor false", "when(p, x).otherwise(y)"]),
        (lambda: r.p and r.p, TypeMismatch, ["p & q"]),
        (lambda: not r.p, TypeMismatch, ["~p"]),
        (lambda: 0 < r.x < 1, TypeMismatch, ["between(low, high)"]),
        (lambda: max(r.x, 3), TypeMismatch, ["maximum(x, y)"]),
        (lambda: sorted([r.x, r.n]), TypeMismatch, ["minimum(x, y)"]),
        (lambda: r.x in [1, 2], TypeMismatch, ["x.is_in([...])"]),
        (lambda: "a" in r.s, TypeMismatch, ['s.contains("…")']),
        (lambda: len(r.s), TypeMismatch, ["s.length()"]),
        (lambda: list(r.s), TypeMismatch, ["cannot be iterated"]),
        (lambda: f"{r.s}-x", TypeMismatch, ["concat(s, t)"]),
        (lambda: float(r.x), TypeMismatch, ["x.to_float()"]),
        (lambda: math.log(r.x), TypeMismatch, ["x.log()"]),
        (lambda: math.sqrt(r.x), TypeMismatch, ["x.sqrt()"]),
        (lambda: math.trunc(r.x), TypeMismatch, ["x.floor()"]),
        (lambda: round(r.x, 2), DefinitionError, ["(x * 100).round() / 100"]),
        (lambda: np.log(r.x), TypeMismatch, ["np.log", "x.log()"]),
        (lambda: np.maximum(r.x, 1), TypeMismatch, ["maximum(x, y)"]),
        (lambda: np.float64(2) * r.x, TypeMismatch, ["np.multiply", "x * y"]),
        (lambda: np.where(r.x > 1, 1, 0), TypeMismatch, ["when(p, x).otherwise(y)"]),
        (lambda: np.sin(r.x), TypeMismatch, ["pandas_function"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_the_way_out(
    mistake: Callable[[], object], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert Path(__file__).name in message
    assert "next:" in message


def test_math_floor_and_abs_are_operations() -> None:
    made = {"floor": math.floor(r.x), "ceil": math.ceil(r.x), "abs": abs(r.x)}
    assert compile_row(made)({"x": -1.5}) == {"floor": -2.0, "ceil": -1.0, "abs": 1.5}


def test_operators_work_from_both_sides() -> None:
    made = {
        "a": 1 - r.x,
        "b": 2 / r.x,
        "c": 7 // r.x,
        "d": 7 % r.x,
        "e": 2**r.x,
        "f": True & (r.x > 1),
        "g": +r.x,
        "h": 3 < r.x,
    }
    found = compile_row(made)({"x": 4.0})
    assert found == {"a": -3.0, "b": 0.5, "c": 1.0, "d": 3.0, "e": 16.0, "f": True, "g": 4.0, "h": True}


def test_durations_and_instants() -> None:
    start = datetime(2013, 1, 1, tzinfo=UTC)
    made = {
        "a": r.t + "90m",
        "b": r.t - timedelta(hours=1),
        "c": r.t.hours_since(start),
        "d": r.t >= datetime(2013, 1, 1),
    }
    found = compile_row(made)({"t": 1356998400000000})
    assert found == {"a": 1357003800000000, "b": 1356994800000000, "c": 0.0, "d": True}


def test_an_expression_reads_as_it_was_written() -> None:
    text = repr(when((r.x + 1) * 2 > 3, r.s.lower()[:2]).otherwise(concat(r.s, "!")))
    assert text == "when(((r.x + 1.0) * 2.0) > 3.0, r.s.lower().slice(0, 2)).otherwise(concat(r.s, '!'))"
    assert repr(r.t.hours_since(r.t - "1h")) == "r.t.hours_since(r.t - '1h')"
    assert repr(~(r.x.is_in([1, 2]))) == "~r.x.is_in([1.0, 2.0])"


def test_expressions_do_not_change() -> None:
    with pytest.raises(AttributeError, match="do not change"):
        r.x.op = "log"
    with pytest.raises(AttributeError, match="row cannot be changed"):
        r.y = r.x


def test_a_deep_expression_is_refused_before_it_hurts() -> None:
    deep = r.x
    for _ in range(999):
        deep = deep + 1
    with pytest.raises(DefinitionError, match="nested too deeply"):
        deep + 1
    assert compile_row({"out": deep})({"x": 0.0}) == {"out": 999.0}
    assert len(repr(deep)) < 500


def test_sharing_is_computed_once() -> None:
    doubled = r.x
    for _ in range(60):
        doubled = doubled + doubled
    program = compile_row({"a": doubled, "b": doubled * 2})
    assert program({"x": 1.0}) == {"a": 2.0**60, "b": 2.0**61}
    assert program.source.count(" + ") == 60


def test_programs_and_expressions_can_be_pickled() -> None:
    expr = r.x.log() + r.t.hour("America/New_York")
    row = {"x": 2.0, "t": 1356998400000000}
    program = compile_row({"out": expr})
    assert pickle.loads(pickle.dumps(program))(row) == program(row)
    assert pickle.loads(pickle.dumps(compile_columns({"out": expr}))).schema.names == ["out"]
    deep = r.x
    for _ in range(900):
        deep = deep + 1
    assert pickle.loads(pickle.dumps(deep)).digest == deep.digest


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, ["a row without a column", "x"]),
        ({"x": "1"}, ["'x'", "a number or None"]),
        ({"x": True}, ["a number or None"]),
    ],
)
def test_a_row_of_another_shape_is_refused(row: dict[str, object], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        compile_row({"out": r.x + 1})(row)
    assert [word for word in words if word not in str(caught.value)] == []


def test_values_of_numpy_are_taken() -> None:
    made = {"x": r.x + 1, "p": ~r.p, "t": r.t + "1s"}
    found = compile_row(made)({"x": np.float32(0.5), "p": np.bool_(True), "t": np.int64(5)})
    assert found == {"x": 1.5, "p": False, "t": 1_000_005}


def test_column_names_are_data_and_never_code() -> None:
    name = "x'] or __import__('os').abort() or columns['x"
    assert compile_row({"a'b": column(name, Type.FLOAT) + 1})({name: 1.0}) == {"a'b": 2.0}
