"""What is pushable is Spark's own SQL with the bits of one row, in every zone and ANSI mode."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gapless.expr import OPERATIONS, Row, compile_row, maximum, when
from gapless.expr.golden import encode, vectors
from gapless.expr.sql import LONGEST_CHAIN, pushable, spark_sql
from gapless.schema import Type
from tests.adapters.spark.frames import WAYS, adversarial, array_of, golden, settle
from tests.expr.adversarial import Case, answers_of, cases, differences, expected

GROUPS = sorted({operation.group for operation in OPERATIONS.values()})
VECTORS = [vector for vector in vectors() if pushable(vector.expr)]

r = Row({"x": Type.FLOAT, "y": Type.FLOAT, "s": Type.STRING, "t": Type.TIMESTAMP}, what="r")


def pushed(group: str) -> list[Case]:
    return [case for case in cases() if OPERATIONS[case.op].group == group and pushable(case.expr)]


@pytest.mark.parametrize(("zone", "ansi"), WAYS)
@pytest.mark.parametrize("group", GROUPS)
def test_hard_rows_give_the_bits_of_one_row(spark, group, zone, ansi):
    settle(spark, zone, ansi)
    adversarial(spark).createOrReplaceTempView("hard")
    made = {case.name: case.expr for case in pushed(group)}
    found = spark.sql(spark_sql(made).select("hard", keep=["row"])).select("row", *made).toArrow()
    wrong = {
        repr(case.expr): count
        for case in pushed(group)
        if (count := differences(case, answers_of(array_of(found, case.name), case.expr.type)))
    }
    assert made
    assert wrong == {}


@pytest.mark.parametrize("group", GROUPS)
def test_golden_rows_give_the_golden_bits(spark, group):
    settle(spark, "America/New_York", "true")
    mine = [vector for vector in VECTORS if OPERATIONS[vector.op].group == group]
    golden(spark, mine).createOrReplaceTempView("golden")
    made = {f"v{number}": vector.expr for number, vector in enumerate(mine)}
    found = spark.sql(spark_sql(made).select("golden", keep=["row"])).select("row", *made).toArrow()
    at = 0
    for name, vector in zip(made, mine, strict=True):
        array = array_of(found, name).slice(at, len(vector.rows))
        plain = array.cast(pa.int64()) if vector.expr.type is Type.TIMESTAMP else array
        said = [encode(value, vector.expr.type) for value in plain.to_pylist()]
        assert said == [encode(row[-1], vector.expr.type) for row in vector.rows], vector.expr
        at += len(vector.rows)
    assert at == found.num_rows > 0


def test_what_is_not_pushable_is_so_for_a_reason(spark):
    """Spark's own functions of these names have other bits for some of the hard rows."""
    adversarial(spark).createOrReplaceTempView("hard")
    own = {"exp_0": "exp(x)", "log_0": "ln(x)", "float_to_string_0": "string(x)"}
    finite = "CASE WHEN x - x = 0D THEN x END AS x"
    columns = ", ".join(f"{text} AS {name}" for name, text in own.items())
    found = spark.sql(f"SELECT row, {columns} FROM (SELECT row, {finite} FROM hard)").toArrow()
    for case in cases():
        if case.name in own:
            assert differences(case, answers_of(array_of(found, case.name), case.expr.type)), case.name


def test_a_filter_keeps_the_rows_for_which_the_expression_is_true(spark):
    settle(spark, "Asia/Kolkata", "true")
    adversarial(spark).createOrReplaceTempView("hard")
    wanted = next(case for case in cases() if case.name == "and_2")  # (x > 0) & (y > 0)
    text = spark_sql({"keep": wanted.expr}).filtered("hard", "keep", keep=["row", "s"])
    found = spark.sql(text)
    right = expected(wanted)
    assert found.columns == ["row", "s"]
    assert sorted(row.row for row in found.collect()) == np.flatnonzero(right.valid & (right.bits == 1)).tolist()


def test_text_with_many_shared_parts_is_parsed_and_run(spark):
    """As deep as is pushable, by one operation and by several."""
    deep, mixed = r.x, r.x
    for _ in range(19):
        deep = deep + deep
    for number in range(6):
        mixed = when((mixed // 3 > number) | mixed.is_null(), maximum(mixed, r.x, 2) * 3).otherwise(mixed + r.x)
        if not pushable(mixed):
            break
        widest = mixed
    rows = [{"x": 1.5}, {"x": 1e300}, {"x": 7.0}, {"x": None}]
    exprs = {"deep": deep, "mixed": widest}
    assert spark_sql(exprs).chain > LONGEST_CHAIN - 15
    spark.createDataFrame([(row["x"],) for row in rows], "x double").coalesce(1).createOrReplaceTempView("four")
    found = spark.sql(spark_sql(exprs).select("four")).select(*exprs).collect()
    program = compile_row(exprs)
    assert [row.asDict() for row in found] == [program(row) for row in rows]


def test_texts_are_read_the_same_under_every_setting_of_the_parser(spark):
    odd = ["it's", 'say "a"', "a\\nb", "${spark.app.name}", "\t\n", "%_", "{x}", "'||'"]
    made = {f"o{number}": r.s == text for number, text in enumerate(odd)}
    spark.createDataFrame([(text,) for text in odd], "s string").createOrReplaceTempView("odd")
    for escaped in ("true", "false"):
        spark.conf.set("spark.sql.parser.escapedStringLiterals", escaped)
        rows = spark.sql(spark_sql(made).select("odd")).select(*made).collect()
        assert [list(row) for row in rows] == [[a == b for b in odd] for a in odd]
