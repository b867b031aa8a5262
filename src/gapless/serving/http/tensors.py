"""Tensors of the Open Inference Protocol: JSON or binary, to columns and back.

The protocol has no null. Three ways to say it come in: null in JSON data, NaN in a float tensor, and a BOOL tensor
NAME__isnull beside the tensor NAME. What goes out of a prediction that there is not is null in JSON and NaN in binary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from gapless.schema import Type
from gapless.serving.answers import Value
from gapless.serving.http.problems import Problem
from gapless.serving.http.rows import FIRST_US, LAST_US

__all__ = ["DATATYPES", "Tensor", "column_of", "null_flags", "pack", "take_binary"]

DATATYPES: dict[Type, str] = {
    Type.FLOAT: "FP64",
    Type.INT: "INT64",
    Type.BOOL: "BOOL",
    Type.STRING: "BYTES",
    Type.TIMESTAMP: "INT64",  # µs since 1970-01-01 UTC
}
_NUMPY: dict[str, str] = {
    **{"BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"},
    **{
        f"{sign}INT{bits}": f"<{letter}{bits // 8}"
        for sign, letter in (("", "i"), ("U", "u"))
        for bits in (8, 16, 32, 64)
    },
}
_FLOATS = {"FP16", "FP32", "FP64"}
_WHOLE = {name for name in _NUMPY if "INT" in name}
_TAKEN: dict[Type, set[str]] = {
    Type.FLOAT: _FLOATS | _WHOLE,
    Type.INT: _WHOLE,
    Type.BOOL: {"BOOL"},
    Type.STRING: {"BYTES"},
    Type.TIMESTAMP: {"INT64", "UINT64"},
}


class Tensor(msgspec.Struct):
    """One tensor as it comes in; `parameters` may name the size of its binary form."""

    name: str
    datatype: str
    shape: list[int]
    data: Any = None
    parameters: dict[str, Any] = {}
    raw: memoryview | None = None


def take_binary(tensors: Sequence[Tensor], rest: memoryview) -> None:
    """Gives each tensor its bytes out of what follows the JSON. Raises: Problem 400 where the sizes do not add up."""
    for tensor in tensors:
        size = tensor.parameters.get("binary_data_size")
        tensor.raw = None  # never what a client wrote as a member of that name
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(rest):
            raise _bad(tensor, "binary_data_size does not fit the body", size, f"0 to {len(rest)}")
        tensor.raw, rest = rest[:size], rest[size:]
    if len(rest):
        raise Problem(400, "left_over", "bytes after the last tensor", seen=len(rest), allowed="0")


def column_of(tensor: Tensor, kind: Type, rows: int) -> list[Value]:
    """The values of a column, NaN and ±inf as None. Raises: Problem 400."""
    if tensor.datatype not in _TAKEN[kind]:
        raise _bad(tensor, "a datatype that does not fit", tensor.datatype, " or ".join(sorted(_TAKEN[kind])))
    values = _from_json(tensor, rows) if tensor.raw is None else _from_binary(tensor, tensor.raw, rows)
    return [_checked(tensor, kind, index, value) for index, value in enumerate(values)]


def null_flags(tensor: Tensor, rows: int) -> list[bool]:
    """Which rows a NAME__isnull tensor says are null. Raises: Problem 400."""
    found = column_of(tensor, Type.BOOL, rows)
    return [flag is True for flag in found]


def _from_json(tensor: Tensor, rows: int) -> list[Any]:
    data = tensor.data
    if isinstance(data, list) and data and all(isinstance(item, list) for item in data):
        data = [item for row in data for item in row]  # the protocol allows nesting by shape
    if not isinstance(data, list) or len(data) != rows:
        raise _bad(
            tensor, "data that does not fit the shape", len(data) if isinstance(data, list) else data, f"{rows} values"
        )
    return data


def _from_binary(tensor: Tensor, raw: memoryview, rows: int) -> list[Any]:
    if tensor.datatype == "BYTES":
        return _texts(tensor, raw, rows)
    dtype = np.dtype(_NUMPY[tensor.datatype])
    if len(raw) != rows * dtype.itemsize:
        raise _bad(tensor, "bytes that do not fit the shape", len(raw), f"{rows * dtype.itemsize} bytes")
    if dtype.kind == "b":
        return [byte != 0 for byte in raw]  # as NumPy's, a byte other than 0 and 1 would break its rules
    values: list[Any] = np.frombuffer(raw, dtype).tolist()
    return values


def _texts(tensor: Tensor, raw: memoryview, rows: int) -> list[str]:
    """Each text has its length in four bytes before it."""
    texts: list[str] = []
    at = 0
    while len(texts) < rows and at + 4 <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        if at + 4 + size > len(raw):
            break
        texts.append(_text(tensor, len(texts), bytes(raw[at + 4 : at + 4 + size])))
        at += 4 + size
    if len(texts) != rows or at != len(raw):
        raise _bad(
            tensor, "texts that do not fit the shape", f"{len(texts)} whole texts in {len(raw)} bytes", f"{rows} texts"
        )
    return texts


def _text(tensor: Tensor, row: int, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _bad(tensor, f"not UTF-8: {error.reason}", repr(raw), "UTF-8", row) from None


def _checked(tensor: Tensor, kind: Type, row: int, value: Any) -> Value:
    if value is None:
        return None
    if kind is Type.FLOAT and isinstance(value, int | float) and not isinstance(value, bool):
        number = _float(value)
        return number if math.isfinite(number) else None
    if kind is Type.BOOL and isinstance(value, bool):
        return value
    if kind is Type.STRING and isinstance(value, str):
        return value
    low, high = (FIRST_US, LAST_US) if kind is Type.TIMESTAMP else (-(2**53), 2**53)
    if kind in (Type.INT, Type.TIMESTAMP) and type(value) is int:
        if low <= value <= high:
            return value
        raise _bad(tensor, "out of range", value, f"{low} to {high}", row)
    raise _bad(tensor, "a value of another type", value, tensor.datatype, row)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def pack(datatype: str, values: Sequence[Any]) -> bytes:
    """Binary form of a column that goes out."""
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    numbers: npt.NDArray[Any] = np.array([math.nan if value is None else value for value in values], _NUMPY[datatype])
    return numbers.tobytes()


def _bad(tensor: Tensor, what: str, seen: Any, allowed: str, row: int | None = None) -> Problem:
    return Problem(400, "bad_tensor", what, field=f"input {tensor.name!r}", row=row, seen=seen, allowed=allowed)
