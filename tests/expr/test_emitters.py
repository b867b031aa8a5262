"""Both emitters give the same bits: on golden vectors, on hard values and on random rows, for every operation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from gapless.arrow import ARROW_TYPES
from gapless.expr import OPERATIONS, Expr, compile_columns, compile_row
from gapless.expr.column_program import covers
from gapless.expr.golden import Vector, encode, vectors
from gapless.expr.operations import LEAVES
from gapless.expr.row_templates import TEMPLATES
from gapless.schema import Type
from tests.expr.cases import CASES, COLUMNS, columns_in, pool_rows, random_rows
from tests.expr.make_golden import FOLDER, files

RANDOM_ROWS = int(os.environ.get("GAPLESS_TEST_ROWS", "1000"))
VECTORS = list(vectors())


def batch_of(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = [
        pa.array([row[i] for row in rows], pa.int64() if COLUMNS[n] is Type.TIMESTAMP else ARROW_TYPES[COLUMNS[n]])
        for i, n in enumerate(names)
    ]
    arrays = [c.cast(ARROW_TYPES[COLUMNS[n]]) for c, n in zip(columns, names, strict=True)]
    # A column that nothing reads gives tables of expressions without columns their number of rows.
    return pa.RecordBatch.from_arrays([*arrays, pa.array(range(len(rows)))], [*names, "row"])


def encoded(array: pa.Array, kind: Type) -> list[Any]:
    plain = array.cast(pa.int64()) if kind is Type.TIMESTAMP else array
    return [encode(value, kind) for value in plain.to_pylist()]


def by_row(exprs: dict[str, Expr], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    program = compile_row(exprs)
    results = [program(dict(zip(names, row, strict=True))) for row in rows]
    return {name: [encode(result[name], expr.type) for result in results] for name, expr in exprs.items()}


def by_column(exprs: dict[str, Expr], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    out = compile_columns(exprs)(batch_of(names, rows))
    return {name: encoded(out.column(name), expr.type) for name, expr in exprs.items()}


def differences(exprs: dict[str, Expr], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    one, many = by_row(exprs, names, rows), by_column(exprs, names, rows)
    return [
        f"{exprs[name]!r} of {dict(zip(names, row, strict=True))}: row {a}, column {b}"
        for name in exprs
        for row, a, b in zip(rows, one[name], many[name], strict=True)
        if a != b
    ]


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_has_cases_golden_rows_and_both_emitters(op: str) -> None:
    assert CASES[op]
    assert any(vector.op == op and vector.rows for vector in VECTORS)
    assert op in LEAVES or (op in TEMPLATES and covers(op))


def test_no_emitter_knows_an_operation_that_the_table_does_not() -> None:
    assert set(TEMPLATES) | set(LEAVES) == set(OPERATIONS) == set(CASES)


@pytest.mark.parametrize("op", OPERATIONS)
def test_emitters_agree_on_hard_values_and_random_rows(op: str) -> None:
    for expr in CASES[op]:
        names = columns_in(expr)
        rows = pool_rows(names, 2 * RANDOM_ROWS) + random_rows(names, RANDOM_ROWS, seed=len(op))
        assert differences({"out": expr}, names, rows)[:5] == []


def test_golden_files_are_current() -> None:
    made = files()
    assert {file.name for file in FOLDER.glob("*.json")} == set(made)
    assert [name for name, text in made.items() if (FOLDER / name).read_text("utf-8") != text] == []


@pytest.mark.parametrize("group", sorted({OPERATIONS[vector.op].group for vector in VECTORS}))
def test_columns_give_the_golden_bits(group: str) -> None:
    for vector in VECTORS:
        if OPERATIONS[vector.op].group == group:
            names = list(vector.columns)
            found = by_column({"out": vector.expr}, names, [row[:-1] for row in vector.rows])["out"]
            assert found == [encode(row[-1], vector.expr.type) for row in vector.rows], vector.expr


def test_one_program_of_all_cases_gives_what_each_alone_gives() -> None:
    exprs = {f"{op}_{i}": expr for op, cases in CASES.items() for i, expr in enumerate(cases)}
    names = list(COLUMNS)
    rows = random_rows(names, 300, seed=7)
    assert differences(exprs, names, rows)[:5] == []
    together = by_row(exprs, names, rows)
    for name, expr in list(exprs.items())[::7]:
        assert by_row({"out": expr}, names, rows)["out"] == together[name]


def test_blocks_do_not_show() -> None:
    names = ["p", "s", "t", "u", "x", "y"]
    rows = random_rows(names, 500, seed=3) * 600
    exprs = {"a": CASES["add"][0], "b": CASES["if"][1], "c": CASES["hour"][1], "d": CASES["literal"][5]}
    whole = compile_columns(exprs)(batch_of(names, rows))
    part = compile_columns(exprs)(batch_of(names, rows[:500]))
    assert whole.num_rows == 300_000
    assert whole.slice(299_500).equals(part)


def _golden_of(op: str) -> list[Vector]:
    return [vector for vector in VECTORS if vector.op == op]


def test_golden_vectors_hold_the_traps() -> None:
    halves = {row[0]: row[1] for row in _golden_of("round")[0].rows}
    assert halves[0.49999999999999994] == 0.0
    assert halves[-0.5] == 0.0
    assert halves[-1.5] == -1.0
    assert halves[2.5] == 3.0
