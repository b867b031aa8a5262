"""10,000 hard rows through every expression of every operation: one row in Python, columns, and the digests kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from gapless.expr import OPERATIONS, compile_columns, compile_row
from gapless.expr.golden import Vector, encode, vectors
from gapless.schema import Type
from tests.expr.adversarial import (
    ROWS,
    answers_of,
    cases,
    differences,
    digest,
    digests,
    exchange,
    expected,
    packed,
    rows,
    stored_digests,
    unpacked,
)
from tests.expr.cases import COLUMNS
from tests.parity import record


@cache
def golden() -> tuple[Vector, ...]:
    return tuple(vectors())


@cache
def by_columns() -> Mapping[str, pa.Array]:
    found = compile_columns({case.name: case.expr for case in cases()})(rows())
    return {case.name: found.column(case.name) for case in cases()}


@pytest.mark.parametrize("op", OPERATIONS)
def test_one_row_and_columns_give_the_same_bits(op: str) -> None:
    of_op = [case for case in cases() if case.op == op]
    wrong = {repr(case.expr): differences(case, answers_of(by_columns()[case.name], case.expr.type)) for case in of_op}
    record("operations", op, "columns", compared=ROWS * len(of_op), different=sum(wrong.values()))
    assert of_op
    assert {expr: count for expr, count in wrong.items() if count} == {}


@pytest.mark.parametrize("op", OPERATIONS)
def test_one_row_gives_the_bits_of_last_time(op: str) -> None:
    kept = stored_digests()
    of_op = [case for case in cases() if case.op == op]
    wrong = [repr(case.expr) for case in of_op if digests()[case.name] != kept[case.name]]
    record("operations", op, "python row", compared=ROWS * len(of_op), different=ROWS * len(wrong))
    assert wrong == []


@pytest.mark.parametrize("op", OPERATIONS)
def test_one_row_gives_the_golden_bits(op: str) -> None:
    compared, wrong = 0, []
    for vector in golden():
        if vector.op == op:
            program = compile_row({"out": vector.expr})
            for *values, right in vector.rows:
                found = program(dict(zip(vector.columns, values, strict=True)))["out"]
                compared += 1
                if encode(found, vector.expr.type) != encode(right, vector.expr.type):
                    wrong.append((vector.expr, values, found))
    record("operations", op, "python row", compared=compared, different=len(wrong))
    assert compared
    assert wrong == []


def test_the_table_is_the_one_of_last_time() -> None:
    assert hashlib.sha256(exchange()).hexdigest() == stored_digests()["table"]
    assert set(stored_digests()) == {"table", *digests()}


def test_the_table_is_hard() -> None:
    table = rows()
    assert table.num_rows == ROWS
    assert table.schema.names == list(COLUMNS)
    assert all(100 < table.column(name).null_count < ROWS // 2 for name in COLUMNS)
    x = np.asarray(table.column("x").fill_null(0.0))
    assert np.isnan(x).sum() > 10
    assert np.isinf(x).sum() > 10
    assert ((x != 0.0) & (np.abs(x) < 2.3e-308)).sum() > 100
    assert (np.signbit(x) & (x == 0.0)).sum() > 10
    assert sum(any(ord(c) > 0xFFFF for c in s or "") for s in table.column("s").to_pylist()) > 300


@pytest.mark.parametrize("kind", [Type.FLOAT, Type.BOOL, Type.STRING, Type.TIMESTAMP])
def test_packing_loses_nothing_and_a_digest_sees_one_bit(kind: Type) -> None:
    case = next(case for case in cases() if case.expr.type is kind)
    right = expected(case)
    back = unpacked(packed(right), kind)
    assert differences(case, back) == 0
    assert digest(back) == digest(right)
    valid = right.valid.copy()
    valid[-1] = not valid[-1]
    changed = type(right)(kind, valid, right.bits, right.texts)
    assert differences(case, changed) == 1
    assert digest(changed) != digest(right)
