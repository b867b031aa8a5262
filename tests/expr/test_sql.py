"""SQL as text: what it reads like, how long it gets, what it refuses. That it gives the bits: tests/adapters/spark."""

from __future__ import annotations

import pytest

from gapless.errors import DefinitionError
from gapless.expr import OPERATIONS, Row, column, concat, literal
from gapless.expr.operations import LEAVES
from gapless.expr.sql import pushable, spark_sql
from gapless.expr.sql_templates import MISSING, steps_of
from gapless.schema import Type
from tests.expr.cases import CASES

r = Row({"x": Type.FLOAT, "p": Type.BOOL, "s": Type.STRING, "t": Type.TIMESTAMP, "sky": {"gust": Type.FLOAT}}, what="r")


def test_a_view_reads_step_by_step() -> None:
    found = spark_sql({"late": (r.x > 15) & (r.s == "JFK"), "x15": r.x > 15})
    assert found.missing == ()
    assert found.select("flights", keep=["id", "odd ` name"]) == (
        "SELECT\n"
        "  `id`,\n"
        "  `odd `` name`,\n"
        "  CAST(`x` AS DOUBLE) AS `_e1`,\n"
        "  CASE WHEN `_e1` - `_e1` = 0D THEN `_e1` END AS `_e2`,\n"
        "  15.0D AS `_e3`,\n"
        "  `_e2` > `_e3` AS `_e4`,\n"
        "  `s` AS `_e5`,\n"
        "  'JFK' AS `_e6`,\n"
        "  `_e5` = `_e6` AS `_e7`,\n"
        "  `_e4` AND `_e7` AS `_e8`,\n"
        "  `_e8` AS `late`,\n"
        "  `_e4` AS `x15`\n"
        "FROM flights"
    )


def test_a_group_of_columns_is_one_name() -> None:
    assert "`sky__gust`" in spark_sql({"out": r.sky.gust}).select("t")


def test_a_filter_keeps_columns_only() -> None:
    found = spark_sql({"keep": r.s == "a"}).filtered("t", "keep", keep=["s"])
    assert found.startswith("SELECT\n  `s`\nFROM (\n  SELECT\n")
    assert found.endswith("\n  FROM t\n)\nWHERE `keep`")


def test_a_shared_part_is_written_once() -> None:
    deep = r.x
    for _ in range(60):
        deep = deep + deep
    found = spark_sql({"deep": deep})
    assert len(found.steps) == 2 + 2 * 60
    assert len(found.select("t")) < 10_000
    assert found.chain == 122


def test_a_tree_deeper_than_spark_resolves_is_not_pushable() -> None:
    deep = r.x
    for _ in range(19):
        deep = deep + deep
    assert pushable(deep)
    assert not pushable(deep + deep)
    with pytest.raises(DefinitionError, match="chain of 43 steps"):
        spark_sql({"out": deep + deep > 0}).filtered("t", "out", keep=["x"])


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_is_pushable_or_named_as_missing(op: str) -> None:
    assert op in LEAVES or any(pushable(expr) for expr in CASES[op]) is (op not in MISSING)


def test_what_sql_does_not_give_is_a_function_that_no_engine_has() -> None:
    found = spark_sql({"a": r.x.log() + r.x**2, "b": r.t.hour("America/New_York"), "c": r.s.hash_bucket(7, seed=3)})
    assert found.missing == ("log", "power", "hour", "hash_bucket")
    assert "gapless_log(`_e2`)" in found.steps.values()
    assert "gapless_hash_bucket(`_e10`, 7, 3)" in found.steps.values()
    assert any("gapless_hour(" in text and "'America/New_York'" in text for text in found.steps.values())
    with pytest.raises(DefinitionError, match="filter that SQL does not give") as refused:
        found.filtered("t", "a", keep=["x"])
    assert refused.value.seen == "log, power, hour, hash_bucket"


@pytest.mark.parametrize(
    ("expr", "is_pushable"),
    [
        (r.x / 3 > 1, True),
        (r.x.exp() > 1, False),
        ((r.x.exp() > 1) & r.p, False),
        (r.t.hour(), True),
        (r.t.hour("Europe/Dublin"), False),
        (r.t.truncate("day"), True),
        (r.t.truncate("day", "Asia/Kolkata"), False),
        (r.x.to_string(), False),
        (r.s.to_float(), True),
    ],
)
def test_pushable_looks_at_every_part(expr: object, is_pushable: bool) -> None:
    assert pushable(expr) is is_pushable  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("JFK", "'JFK'"),
        ("é😀", "'é😀'"),
        ("", "''"),
        ("it's", "CAST(X'69742773' AS STRING)"),
        ("a\\b", "CAST(X'615c62' AS STRING)"),
        ("${env:HOME}", "CAST(X'247b656e763a484f4d457d' AS STRING)"),
        ("a\nb", "CAST(X'610a62' AS STRING)"),
        ("{last}", "'{last}'"),
    ],
)
def test_texts_that_a_session_may_read_otherwise_are_bytes(text: str, written: str) -> None:
    assert list(spark_sql({"out": literal(text)}).steps.values()) == [written]
    assert written in spark_sql({"out": concat(r.s, text)}).steps.values()


def test_steps_of_a_leaf_need_no_arguments() -> None:
    assert steps_of(column("p", Type.BOOL), []) == ("`p`",)
