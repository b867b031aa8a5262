"""One pandas function over one batch: a DataFrame of stated types in, columns of the declared types out."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import ARROW_TYPES, TIMESTAMP, plain, schema_to_arrow
from gapless.errors import DefinitionError, MissingExtra
from gapless.product import Derivation, call_author
from gapless.schema import Type

__all__ = ["derived_columns"]

_EXACT = 1 << 53


def derived_columns(made: Derivation, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The outputs of a pandas function for the rows of a batch, in the declared order and types.

    Parameters:
        made — with its function; batch — has its inputs; whatever else it has is left alone.

    Raises: DefinitionError for a result that is not what was declared, UserCodeError for an exception, both with the
        author's line; MissingExtra without pandas.

    Cost: that of the function, two copies of its columns. It is not called for no rows.
    """
    schema = schema_to_arrow(made.outputs)
    if not batch.num_rows:
        return _no_rows(schema)
    assert made.function is not None, "whoever runs it has looked"
    pandas = _pandas()
    frame = _frame(pandas, batch.select(list(made.inputs)))
    result = call_author(f"pandas function {made.name!r}", made.function, frame)
    _check_shape(made, pandas, result, batch.num_rows)
    arrays = [_coerced(made, name, kind, result[name]) for name, kind in made.outputs.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], each.type) for each in schema], schema=schema)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingExtra("a pandas function needs pandas", "pandas") from error
    return pandas


def _frame(pandas: Any, batch: pa.RecordBatch) -> Any:
    """A copy that the function may write to, with types that do not depend on the rows."""
    mapped = {
        pa.int64(): pandas.Int64Dtype(),
        pa.bool_(): pandas.BooleanDtype(),
        pa.string(): pandas.StringDtype("pyarrow"),
    }
    columns = {name: plain(batch.column(name)) for name in batch.schema.names}
    return pa.table(columns).to_pandas(types_mapper=mapped.get).copy()


def _check_shape(made: Derivation, pandas: Any, result: Any, rows: int) -> None:
    if not isinstance(result, pandas.DataFrame):
        raise _wrong(made, "does not return a DataFrame", type(result).__name__, "a DataFrame with the outputs")
    found, declared = [str(name) for name in result.columns], list(made.outputs)
    if sorted(found) != sorted(declared):
        raise _wrong(made, "does not return the columns that it declares", ", ".join(found), ", ".join(declared))
    if len(result) != rows:
        raise _wrong(
            made, "returns another number of rows than it got", len(result), f"{rows}, one for each row it got"
        )


def _coerced(made: Derivation, name: str, kind: Type, series: Any) -> pa.Array:
    try:
        array = plain(pa.array(series, from_pandas=True))
        if array.null_count == len(array):  # pandas gives such a column any type
            return pa.nulls(len(array), ARROW_TYPES[kind])
        return _COERCIONS[kind](array)
    except (pa.ArrowException, UnicodeError, TypeError, ValueError, OverflowError) as error:
        seen = f"{series.dtype}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise _wrong(made, f"returns values in {name!r} that its type cannot hold", seen, _ALLOWED[kind]) from error


def _to_float(array: pa.Array) -> pa.Array:
    if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
        raise TypeError(f"{array.type} values")
    if pa.types.is_integer(array.type):
        _check_exact(array)
    wide = array.cast(pa.float64())
    return pc.if_else(pc.is_finite(wide), wide, pa.scalar(None, pa.float64()))


def _to_int(array: pa.Array) -> pa.Array:
    if pa.types.is_integer(array.type):
        return array.cast(pa.int64())
    whole = _to_float(array)
    _check_exact(whole)
    return whole.cast(pa.int64())  # safe: a fraction is an error


def _to_bool(array: pa.Array) -> pa.Array:
    if not pa.types.is_boolean(array.type):
        raise TypeError(f"{array.type} values")
    return array.cast(pa.bool_())


def _to_string(array: pa.Array) -> pa.Array:
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise TypeError(f"{array.type} values")
    return array.cast(pa.string())


def _to_timestamp(array: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(array.type) and array.type.tz is None:
        raise TypeError("instants without a time zone")
    if not pa.types.is_timestamp(array.type):
        raise TypeError(f"{array.type} values")
    return array.cast(TIMESTAMP)  # safe: what is finer than a microsecond is an error


def _check_exact(array: pa.Array) -> None:
    ends = pc.min_max(array)
    for end in (ends["min"].as_py(), ends["max"].as_py()):
        if end is not None and abs(end) > _EXACT:
            raise OverflowError(f"{end} is beyond 2^53")


_COERCIONS = {
    Type.FLOAT: _to_float,
    Type.INT: _to_int,
    Type.BOOL: _to_bool,
    Type.STRING: _to_string,
    Type.TIMESTAMP: _to_timestamp,
}
_ALLOWED = {
    Type.FLOAT: "numbers; NaN, infinities and pd.NA are null",
    Type.INT: "whole numbers up to 2^53; NaN and pd.NA are null",
    Type.BOOL: "True and False; pd.NA and None are null",
    Type.STRING: "texts; pd.NA and None are null",
    Type.TIMESTAMP: "instants with a time zone, whole microseconds; NaT is null",
}


def _wrong(made: Derivation, what: str, seen: object, allowed: str) -> DefinitionError:
    return DefinitionError(
        f"pandas function {made.name!r} {what}",
        seen=seen,
        allowed=allowed,
        next_step="mend the function named above, or what outputs= declares",
        where=made.site,
    )
