"""Tables of the expression tests as Spark DataFrames, and sessions whose settings must not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from gapless.arrow import ARROW_TYPES
from gapless.expr.golden import Vector
from gapless.schema import Type
from tests.expr.adversarial import ROWS, rows
from tests.expr.cases import COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["WAYS", "adversarial", "array_of", "golden", "settle"]

WAYS = [(zone, ansi) for zone in ("UTC", "America/New_York", "Asia/Kolkata") for ansi in ("true", "false")]
"""Session time zone and ANSI mode."""


def settle(spark: SparkSession, zone: str, ansi: str) -> None:
    spark.conf.set("spark.sql.session.timeZone", zone)
    spark.conf.set("spark.sql.ansi.enabled", ansi)


def adversarial(spark: SparkSession) -> DataFrame:
    """The 10,000 rows with their numbers."""
    return spark.createDataFrame(pa.Table.from_batches([rows()]).append_column("row", pa.array(range(ROWS))))


def golden(spark: SparkSession, vectors: Sequence[Vector]) -> DataFrame:
    """The rows of all vectors, one below the other; a column that a vector does not have is null."""
    taken = [dict(zip(vector.columns, row, strict=False)) for vector in vectors for row in vector.rows]
    arrays = [_column([row.get(name) for row in taken], kind) for name, kind in COLUMNS.items()]
    return spark.createDataFrame(pa.table([*arrays, pa.array(range(len(taken)))], [*COLUMNS, "row"]))


def _column(values: list[Any], kind: Type) -> pa.Array:
    if kind is Type.TIMESTAMP:
        return pa.array(values, pa.int64()).cast(ARROW_TYPES[kind])
    return pa.array(values, ARROW_TYPES[kind])


def array_of(table: pa.Table, name: str) -> pa.Array:
    """One array, in the order of the rows' numbers."""
    column = table.sort_by("row").column(name).combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
