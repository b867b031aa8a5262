"""Columns as NumPy arrays, schemas as Arrow schemas, keys as codes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.arrow import KeyCodes, plain, schema_to_arrow, to_numpy
from gapless.errors import TypeMismatch
from gapless.schema import Schema


def test_every_type_has_its_column() -> None:
    schema = Schema.of({"a": float, "b": int, "c": bool, "d": str, "e": datetime})
    assert [str(field.type) for field in schema_to_arrow(schema)] == [
        "double",
        "int64",
        "bool",
        "string",
        "timestamp[us, tz=UTC]",
    ]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1.5, None, -0.0]), [1.5, 0.0, -0.0]),
        (pa.array([1, None, 3], pa.int32()), [1, 0, 3]),
        (pa.array([True, None, False]), [True, False, False]),
        (
            pa.array([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
            [1_000_000, 0, 0],
        ),
        (pa.array([None, None, None]), [0.0, 0.0, 0.0]),
        (pa.array([2.5, None, 2.5]).dictionary_encode(), [2.5, 0.0, 2.5]),
        (pa.chunked_array([[1.0], [None, 2.0]]), [1.0, 0.0, 2.0]),
    ],
)
def test_values_and_where_they_are(column: pa.Array, values: list[object]) -> None:
    found, valid = to_numpy(column)
    assert found.tolist() == values
    assert valid.tolist() == [value is not None for value in column.to_pylist()]
    assert found.dtype in (np.float64, np.int64, np.bool_)


def test_a_column_without_nulls_is_not_copied() -> None:
    column = pa.array(np.arange(1000.0))
    values, _ = to_numpy(column.slice(10, 5))
    assert values.__array_interface__["data"][0] == column.buffers()[1].address + 80


def test_no_chunks_are_no_rows() -> None:
    assert len(plain(pa.chunked_array([], pa.string()))) == 0


def test_strings_are_refused_with_the_way_out() -> None:
    with pytest.raises(TypeMismatch, match="KeyCodes"):
        to_numpy(pa.array(["a"]))


_KEYS = st.lists(st.tuples(st.sampled_from([None, "", "a", "b", "ä"]), st.sampled_from([None, 0, 1, -1])), max_size=30)


@given(st.lists(_KEYS, max_size=5))
def test_codes_of_several_columns_are_equal_where_the_keys_are(
    batches: list[list[tuple[str | None, int | None]]],
) -> None:
    codes, seen = KeyCodes(), {}
    for batch in batches:
        left = pa.array([key[0] for key in batch], pa.string())
        right = pa.array([key[1] for key in batch], pa.int64())
        for key, code in zip(batch, codes.encode([left, right]).tolist(), strict=True):
            assert seen.setdefault(key, code) == code
    assert sorted(seen.values()) == list(range(len(seen)))
    assert len(codes) == len(seen)


def test_codes_read_dictionaries_and_chunks() -> None:
    codes = KeyCodes()
    column = pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", None]).dictionary_encode()])
    assert codes.encode([column]).tolist() == [0, 1, 1, -1]
