"""The rows that an adoption is shown: read from a file, with the type that each column gets."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gapless.adopting.symbols import Reason, Symbol, of_column
from gapless.arrow import ARROW_TYPES, TIMESTAMP, plain
from gapless.errors import InputError
from gapless.expr import column
from gapless.schema import Type

__all__ = ["Sample", "SampleColumn", "read_sample", "sample_of", "to_arrow"]


@dataclass(frozen=True)
class SampleColumn:
    """One column of the sample.

    Parameters: written — its name in the product; type — None where gapless holds no such values; zone — of a timestamp
    that has one; nullable — whether pandas can hold a missing value in it.
    """

    name: str
    written: str
    type: Type | None
    zone: str | None
    nullable: bool
    held: str

    def symbol(self) -> Symbol | Reason:
        """What the function sees in it."""
        if self.type is None:
            return Reason(
                f"column {self.name!r} holds {self.held}", None, "gapless holds float, int, bool, str, datetime"
            )
        kind = "int" if self.type is Type.INT else self.type.value
        return of_column(self.name, column(self.written, self.type), kind, nullable=self.nullable, zone=self.zone)


@dataclass(frozen=True)
class Sample:
    """Rows and what is known of their columns."""

    frame: Any
    columns: Mapping[str, SampleColumn]


def read_sample(file: Path, *, most: int = 100_000) -> Any:
    """The first `most` rows of a Parquet or CSV file as a DataFrame.

    Raises: InputError for a file that cannot be read.
    """
    try:
        if file.suffix.lower() in (".csv", ".tsv"):
            return pd.read_csv(file, sep="\t" if file.suffix.lower() == ".tsv" else ",", nrows=most)
        return pd.read_parquet(file).head(most)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            "the sample cannot be read",
            seen=f"{file}: {error}",
            allowed="a Parquet or CSV file",
            next_step="check the path and the ending",
        ) from error


def sample_of(frame: Any) -> Sample:
    """A DataFrame with the type of each column.

    Raises: InputError for something else, for no rows, or two columns of one name.
    """
    if not isinstance(frame, pd.DataFrame) or not len(frame) or not frame.columns.is_unique:
        seen = f"{len(frame)} rows, {list(frame.columns)[:20]}" if isinstance(frame, pd.DataFrame) else type(frame)
        raise InputError(
            "the sample is no table that can be used", seen=seen, allowed="rows, columns with one name each"
        )
    taken: set[str] = set()
    columns = {name: _described(name, frame[name], taken) for name in frame.columns}
    return Sample(frame.reset_index(drop=True), columns)


def _described(name: Any, values: Any, taken: set[str]) -> SampleColumn:
    kind, held = _type_of(values)
    written = plain_name(str(name), taken)
    zone = str(values.dt.tz) if kind is Type.TIMESTAMP and values.dt.tz is not None else None
    nullable = values.dtype.kind not in "iub"
    return SampleColumn(name, written, kind, zone, nullable, held)


def plain_name(name: str, taken: set[str]) -> str:
    """A name that a schema takes, near the one given, and not one of `taken`; it is added there."""
    found = re.sub(r"_+", "_", re.sub(r"[^0-9A-Za-z]+", "_", name)).strip("_") or "column"
    found = f"c_{found}" if found[0].isdigit() or keyword.iskeyword(found) else found
    number, free = 2, found
    while free in taken:
        free, number = f"{found}_{number}", number + 1
    taken.add(free)
    return free


def _type_of(values: Any) -> tuple[Type | None, str]:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return None, "a category: its codes depend on all rows; read it as str"
    if not isinstance(dtype, np.dtype | pd.DatetimeTZDtype | pd.StringDtype):
        return None, f"{dtype}, whose missing values are pd.NA; read it as float64, int64, bool or str"
    if isinstance(dtype, pd.StringDtype):
        return (
            (Type.STRING, "text") if dtype.na_value is not pd.NA else (None, "string, whose missing values are pd.NA")
        )
    kind = {"f": Type.FLOAT, "i": Type.INT, "u": Type.INT, "b": Type.BOOL, "M": Type.TIMESTAMP}.get(dtype.kind)
    if kind is not None:
        return kind, str(dtype)
    there = values.dropna()
    if len(there) and all(isinstance(v, str) for v in there):
        return Type.STRING, "text"
    if len(there) and all(isinstance(v, bool) for v in there):
        return Type.BOOL, "bools and missing values"
    return None, f"{type(there.iloc[0]).__name__} values" if len(there) else "no value at all"


def to_arrow(sample: Sample, frame: Any, types: Mapping[str, Type]) -> pa.RecordBatch:
    """Rows of the sample's shape as gapless reads them, under the names of the product.

    Parameters: types — of the columns to take, by their name in the sample; text may be read as timestamps.
    """
    arrays, names = [], []
    for name, kind in types.items():
        arrays.append(_array(frame[name], kind))
        names.append(sample.columns[name].written)
    return pa.RecordBatch.from_arrays(arrays, names) if arrays else pa.RecordBatch.from_pydict({"_": [0] * len(frame)})


def _array(values: Any, kind: Type) -> pa.Array:
    if kind is Type.TIMESTAMP:
        moments = pd.to_datetime(values, errors="coerce", utc=True)
        return plain(pa.array(moments.dt.as_unit("us"), type=TIMESTAMP, from_pandas=True))
    return plain(pa.array(values, type=ARROW_TYPES[kind.in_expressions], from_pandas=True, safe=False))
