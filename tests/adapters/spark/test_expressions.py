"""Expressions inside Spark executors give the bits of one row in Python, whatever the session is set to."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from gapless.adapters.spark import with_expressions
from gapless.errors import InputError
from gapless.expr import OPERATIONS, Row, column, literal
from gapless.expr.golden import encode, vectors
from gapless.schema import Type
from tests.adapters.spark.frames import WAYS, adversarial, array_of, golden, settle
from tests.expr.adversarial import ROWS, answers_of, cases, differences
from tests.parity import record

VECTORS = list(vectors())
GROUPS = sorted({OPERATIONS[vector.op].group for vector in VECTORS})

r = Row({"x": Type.FLOAT, "p": Type.BOOL, "s": Type.STRING, "t": Type.TIMESTAMP}, what="frame")


@pytest.mark.parametrize(("zone", "ansi"), WAYS)
def test_hard_rows_give_the_bits_of_one_row(spark, zone, ansi):
    settle(spark, zone, ansi)
    found = with_expressions(adversarial(spark), {case.name: case.expr for case in cases()}).toArrow()
    compared, wrong = Counter(), Counter()
    for case in cases():
        compared[case.op] += ROWS
        wrong[case.op] += differences(case, answers_of(array_of(found, case.name), case.expr.type))
    for op in OPERATIONS:
        record("operations", op, "spark", compared=compared[op], different=wrong[op])
    assert set(compared) == set(OPERATIONS)
    assert {op: count for op, count in wrong.items() if count} == {}


@pytest.mark.parametrize("group", GROUPS)
def test_golden_rows_give_the_golden_bits(spark, group):
    settle(spark, "America/New_York", "true")
    mine = [vector for vector in VECTORS if OPERATIONS[vector.op].group == group]
    made = {f"v{number}": vector.expr for number, vector in enumerate(mine)}
    found = with_expressions(golden(spark, mine), made).toArrow()
    compared, wrong, at = Counter(), Counter(), 0
    for number, vector in enumerate(mine):
        array = array_of(found, f"v{number}").slice(at, len(vector.rows))
        plain = array.cast(pa.int64()) if vector.expr.type is Type.TIMESTAMP else array
        right = [encode(row[-1], vector.expr.type) for row in vector.rows]
        said = [encode(value, vector.expr.type) for value in plain.to_pylist()]
        compared[vector.op] += len(right)
        wrong[vector.op] += sum(a != b for a, b in zip(said, right, strict=True))
        at += len(vector.rows)
    for op in compared:
        record("operations", op, "spark", compared=compared[op], different=wrong[op])
    assert sum(compared.values()) == found.num_rows > 0
    assert {op: count for op, count in wrong.items() if count} == {}


def test_rows_and_other_columns_stay_as_they_are(spark):
    """Types that no expression reads, many small batches, wide text from Spark."""
    settle(spark, "Asia/Kolkata", "false")
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    spark.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "true")
    frame = spark.range(100, numPartitions=3).selectExpr(
        *(
            "id",
            "cast(id as decimal(20, 3)) d",
            "date_add(date'2013-01-01', cast(id as int)) day",
            "array(id, null) many",
        ),
        *("named_struct('a', id, 'b', string(id)) pair", "map(string(id), id) m", "cast(string(id) as binary) raw"),
        "timestamp'2013-01-01 00:00:00' + make_interval(0, 0, 0, 0, int(id)) at",
    )
    made = {
        "late": column("id", Type.FLOAT) > 50,
        "text": column("id", Type.FLOAT).to_string(),
        "same": column("at", Type.TIMESTAMP),
    }
    found = with_expressions(frame, made)
    assert found.drop(*made).schema == frame.schema
    assert found.drop(*made).collect() == frame.collect()
    rows = found.collect()
    assert [row.late for row in rows] == [number > 50 for number in range(100)]
    assert [row.text for row in rows] == [str(number) for number in range(100)]
    assert [row.same for row in rows] == [row.at for row in rows]
    assert found.rdd.getNumPartitions() == 3


@pytest.mark.parametrize("kind", ["double", "float", "bigint", "int", "smallint", "tinyint"])
def test_numbers_of_every_width(spark, kind):
    frame = spark.sql(f"select cast(x as {kind}) x from values (1), (null), (3) as v(x)")
    assert [row.out for row in with_expressions(frame, {"out": r.x + 1}).collect()] == [2.0, None, 4.0]


def test_columns_of_nulls(spark):
    frame = spark.sql("select 'ab' s, null n")
    made = {"out": r.s.upper(), "none": column("n", Type.FLOAT) + 1, "no_text": column("n", Type.STRING)}
    (row,) = with_expressions(frame, made).collect()
    assert (row.out, row.none, row.no_text) == ("AB", None, None)


def test_a_timestamp_without_a_zone_reads_as_utc_and_one_with_as_its_instant(spark):
    settle(spark, "America/New_York", "true")
    frame = spark.sql("select timestamp_ntz'2013-07-01 12:30:00' n, timestamp'2013-07-01 12:30:00' t")
    (row,) = with_expressions(frame, {"a": column("n", Type.TIMESTAMP).hour(), "b": r.t.hour()}).collect()
    assert (row.a, row.b) == (12.0, 16.0)


def test_instants_of_all_64_bits_come_and_go(spark):
    ends = [-(2**63), -(2**63) + 1, -1, 0, 2**63 - 2, 2**63 - 1]
    frame = spark.createDataFrame(pa.table({"t": pa.array(ends).cast(pa.timestamp("us", "UTC"))}))
    found = with_expressions(frame, {"same": r.t, "later": r.t + "1us"}).toArrow()
    assert found.column("same").cast(pa.int64()).to_pylist() == ends
    assert found.column("later").cast(pa.int64()).to_pylist() == [*(end + 1 for end in ends[:-1]), None]


def test_nothing_to_compute_is_the_frame_itself(spark):
    frame = spark.range(2)
    assert with_expressions(frame, {}) is frame
    assert [row.two for row in with_expressions(frame, {"two": literal(2)}).collect()] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("kind", "expr", "seen", "step"),
    [
        ("decimal(10, 2)", r.x + 1, "decimal(10,2)", "cast it to double"),
        ("date", r.t.hour(), "date", "cast it to timestamp_ntz"),
        ("binary", r.s.length(), "binary", "decode it"),
        ("string", r.x + 1, "string", "cast it in Spark"),
        ("boolean", r.x + 1, "boolean", "cast it in Spark"),
        ("bigint", r.t.hour(), "bigint", "cast it in Spark"),
        ("array<double>", r.x + 1, "array<double>", "cast it in Spark"),
    ],
)
def test_another_type_is_refused_before_anything_runs(spark, kind, expr, seen, step):
    (name,) = [part.param("name") for part in (expr.args[0],)]
    frame = spark.sql(f"select cast(null as {kind}) {name}")
    with pytest.raises(InputError, match="has another type") as refused:
        with_expressions(frame, {"out": expr})
    assert refused.value.seen == seen
    assert step in refused.value.next_step


def test_missing_doubled_and_taken_names_are_refused(spark):
    frame = spark.sql("select 1D x, 2D X1, 'a' d")
    with pytest.raises(InputError, match="did you mean 'X1'"):
        with_expressions(frame, {"out": column("X1_", Type.FLOAT) + 1})
    with pytest.raises(InputError, match="by case only"):
        with_expressions(frame, {"D": r.x + 1})
    with pytest.raises(InputError, match="by case only"):
        with_expressions(frame, {"out": r.x + 1, "Out": r.x})
    with pytest.raises(InputError, match="two columns of a name"):
        with_expressions(frame.join(frame.select("x")), {"out": r.x + 1})
