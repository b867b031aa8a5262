"""Golden vectors: for every operation, expressions with rows and the bits that come out.

Every emitter, ours or a stranger's, must repeat them.

One JSON file per group of operations, in this shape:

    {"opset": 1, "cases": [{"op": "add", "expr": …as to_json…, "columns": {"x": "float", …}, "type": "float", "rows":
    [[…values of columns…, result], …]}, …]}

A value is null, or: float — its 64 bits as 16 hex digits, the sign first (NaN and ±inf occur in columns, never in
  results);
bool — true or false; string — itself; timestamp — µs as text.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from gapless.expr.codec import from_json
from gapless.expr.expression import Expr
from gapless.schema import Type

__all__ = ["Vector", "decode", "encode", "vectors"]


@dataclass(frozen=True)
class Vector:
    """One expression with its rows, decoded.

    Each row is the values of `columns`, in their order, and then the result.
    """

    op: str
    expr: Expr
    columns: dict[str, Type]
    rows: list[tuple[Any, ...]]


def vectors() -> Iterator[Vector]:
    """All golden vectors, in a stable order.

    Examples:
        >>> first = next(vectors())
        >>> first.op, first.expr
        ('add', r.x + r.y)
    """
    folder = resources.files(__name__)
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".json"):
            yield from map(_vector, json.loads(file.read_text("utf-8"))["cases"])


def _vector(case: dict[str, Any]) -> Vector:
    columns = {name: Type(kind) for name, kind in case["columns"].items()}
    kinds = [*columns.values(), Type(case["type"])]
    rows = [tuple(decode(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in case["rows"]]
    return Vector(case["op"], from_json(case["expr"]), columns, rows)


def encode(value: Any, kind: Type) -> Any:
    """A value as JSON that keeps its bits.

    Examples:
        >>> encode(-0.0, Type.FLOAT), encode(0, Type.TIMESTAMP), encode(None, Type.BOOL)
        ('8000000000000000', '0', None)
    """
    if value is None:
        return None
    if kind is Type.FLOAT:
        return struct.pack(">d", value).hex()
    return str(value) if kind is Type.TIMESTAMP else value


def decode(value: Any, kind: Type) -> Any:
    """What `encode` was given.

    Examples:
        >>> decode("8000000000000000", Type.FLOAT)
        -0.0
    """
    if value is None:
        return None
    if kind is Type.FLOAT:
        return struct.unpack(">d", bytes.fromhex(value))[0]
    return int(value) if kind is Type.TIMESTAMP else value
