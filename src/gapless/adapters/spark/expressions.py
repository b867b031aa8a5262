"""Row expressions on a Spark DataFrame, computed by our own columns inside executors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import types as spark

from gapless.errors import InputError, closest
from gapless.expr import Expr, compile_columns
from gapless.expr.column_program import ColumnProgram
from gapless.expr.nodes import postorder
from gapless.schema import Type

__all__ = ["with_expressions"]

Batches = Iterable[pa.RecordBatch]

_TAKEN: Mapping[Type, tuple[type[spark.DataType], ...]] = {
    Type.FLOAT: (
        spark.DoubleType,
        spark.FloatType,
        spark.LongType,
        spark.IntegerType,
        spark.ShortType,
        spark.ByteType,
    ),
    Type.BOOL: (spark.BooleanType,),
    Type.STRING: (spark.StringType,),
    Type.TIMESTAMP: (spark.TimestampType, spark.TimestampNTZType),
}
_GIVEN: Mapping[Type, spark.DataType] = {
    Type.FLOAT: spark.DoubleType(),
    Type.BOOL: spark.BooleanType(),
    Type.STRING: spark.StringType(),
    Type.TIMESTAMP: spark.TimestampType(),
}
_WAYS_OUT: Mapping[str, str] = {
    "decimal": "cast it to double before, which rounds it to the nearest one",
    "date": "cast it to timestamp_ntz before: its midnight, read as UTC",
    "binary": "decode it into a string before",
}


def with_expressions(frame: DataFrame, exprs: Mapping[str, Expr]) -> DataFrame:
    """The columns of the frame, and one for each expression after them, with the bits of every other runtime.

    The expressions run in Python beside the executors, over Arrow batches; Spark SQL computes nothing of them. Give
    the package to executors first (`ship`).

    Parameters:
        frame — its columns are read by their exact names. float: double, float and integers (the nearest float64);
          NaN and ±inf read as null. bool: boolean. string: string. timestamp: timestamp, and
          timestamp_ntz, which reads as UTC. Other types pass through, and no expression may read them.
        exprs — name of a new column → its expression.

    Returns: a lazy frame; new columns are double, boolean, string or timestamp (microseconds, all 64 bits of them).
    Raises: InputError for a missing or doubled column, another type, or a new name that is there; all when called.
    Guarantees: session time zone, ANSI mode and batch size change no bit. Rows keep partition and order.
    Cost: every column travels to Python and back; select what is needed before.
    """
    if not exprs:
        return frame
    _check_names(frame, exprs)
    _check_columns(frame, exprs)
    large = frame.sparkSession.conf.get("spark.sql.execution.arrow.useLargeVarTypes") == "true"
    made = [spark.StructField(name, _GIVEN[expr.type]) for name, expr in exprs.items()]
    schema = spark.StructType([*frame.schema.fields, *made])
    return frame.mapInArrow(_appending(compile_columns(exprs), large), schema)


def _appending(program: ColumnProgram, large: bool) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    def append(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = program(batch)
            arrays = [_widened(array) if large else array for array in made.columns]
            yield pa.RecordBatch.from_arrays([*batch.columns, *arrays], [*batch.schema.names, *made.schema.names])

    return append


def _widened(array: pa.Array) -> pa.Array:
    return array.cast(pa.large_string()) if pa.types.is_string(array.type) else array


def _check_names(frame: DataFrame, exprs: Mapping[str, Expr]) -> None:
    """Spark does not tell names apart by case."""
    seen = Counter(name.lower() for name in frame.columns)
    for name in exprs:
        seen[name.lower()] += 1
        if seen[name.lower()] > 1:
            raise InputError(
                "a new column with a name that is there, or that differs by case only",
                seen=name,
                next_step="name it otherwise, or drop the column before",
            )


def _check_columns(frame: DataFrame, exprs: Mapping[str, Expr]) -> None:
    there = Counter(frame.columns)
    types = {field.name: field.dataType for field in frame.schema.fields}
    for node in postorder(*exprs.values()):
        if node.op == "column":
            name = str(node.param("name"))
            if there[name] != 1:
                raise _absent(name, list(types)) if not there[name] else _doubled(name)
            if not isinstance(types[name], (*_TAKEN[node.type], spark.NullType)):
                raise _other_type(name, types[name].simpleString(), node.type)


def _absent(name: str, names: list[str]) -> InputError:
    guess = closest(name, names)
    return InputError(
        "a DataFrame without a column that an expression reads",
        seen=name,
        allowed=", ".join(names),
        next_step=f"did you mean {guess!r}? rename it" if guess else "add the column",
    )


def _doubled(name: str) -> InputError:
    return InputError("a DataFrame with two columns of a name", seen=name, next_step="rename one of them before")


def _other_type(name: str, seen: str, kind: Type) -> InputError:
    allowed = ", ".join(taken.typeName() for taken in _TAKEN[kind])
    way = next((way for start, way in _WAYS_OUT.items() if seen.startswith(start)), "cast it in Spark before")
    return InputError(
        f"column {name!r} has another type than the expressions were written for",
        seen=seen,
        allowed=allowed,
        next_step=way,
    )
