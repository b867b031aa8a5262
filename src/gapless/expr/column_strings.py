"""Operations on strings over Arrow arrays.

What Arrow defines as we do runs in Arrow; the rest runs once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gapless.expr.column_values import Column, numbers, validity
from gapless.expr.text import BLANKS, format_float, murmur3, parse_float

__all__ = ["KERNELS", "STRING_RESULTS", "format_floats"]

Params = Mapping[str, Any]


def _per_distinct(array: pa.Array, function: Callable[[str], float]) -> Any:
    encoded = array.dictionary_encode()
    table = np.array([*map(function, encoded.dictionary.to_pylist()), np.nan])  # null reads the last one
    return table[pc.fill_null(encoded.indices, len(table) - 1).to_numpy(zero_copy_only=False)]


def _position_in(params: Params, array: pa.Array) -> Any:
    found = pc.index_in(array, value_set=pa.array(params["values"], pa.string()))
    return np.where(numbers(found.is_valid()), numbers(found).astype(np.float64), np.nan)


def _slice(params: Params, array: pa.Array) -> pa.Array:
    return pc.utf8_slice_codeunits(array, start=params["start"], stop=params["stop"])


def format_floats(column: Column) -> Column:
    """Each number as its shortest text."""
    data = np.atleast_1d(column.data)
    encoded = pa.array(
        data, mask=None if column.valid is None else ~np.broadcast_to(column.valid, data.shape)
    ).dictionary_encode()
    texts = pa.array([format_float(value) for value in encoded.dictionary.to_pylist()], pa.string())
    array = pa.DictionaryArray.from_arrays(encoded.indices, texts).dictionary_decode()
    return Column(array, validity(array))


def _compared(name: str) -> Callable[..., Any]:
    function = getattr(pc, name)
    return lambda params, x, y: numbers(function(x, y))


STRING_RESULTS: Mapping[str, Callable[..., pa.Array]] = {
    "lower": lambda params, s: pc.ascii_lower(s),
    "upper": lambda params, s: pc.ascii_upper(s),
    "trim": lambda params, s: pc.ascii_trim(s, characters=BLANKS),
    "slice": _slice,
    "concat": lambda params, *texts: pc.binary_join_element_wise(
        *texts, pa.scalar("", pa.string()), null_handling="emit_null"
    ),
    "replace": lambda params, s: pc.replace_substring(s, pattern=params["old"], replacement=params["new"]),
}
"""Operation → function of (params, Arrow arrays or scalars), null where any is null."""

KERNELS: Mapping[str, Callable[..., Any]] = {
    "length": lambda params, s: numbers(pc.utf8_length(s)).astype(np.float64),
    "contains": lambda params, s: numbers(pc.match_substring(s, params["text"])),
    "starts_with": lambda params, s: numbers(pc.starts_with(s, params["text"])),
    "ends_with": lambda params, s: numbers(pc.ends_with(s, params["text"])),
    "hash_bucket": lambda params, s: _per_distinct(
        s, lambda text: float(murmur3(text, params["seed"]) % params["buckets"])
    ),
    "string_to_float": lambda params, s: _per_distinct(s, parse_float),
    "is_in": lambda params, s: numbers(pc.is_in(s, value_set=pa.array(params["values"], pa.string()))),
    "position_in": _position_in,
    "eq": _compared("equal"),
    "ne": _compared("not_equal"),
    "lt": _compared("less"),
    "le": _compared("less_equal"),
    "gt": _compared("greater"),
    "ge": _compared("greater_equal"),
}
"""Operation on strings with another result → function of (params, Arrow arrays or scalars)."""
