"""The tree: immutable typed nodes that are checked when they are built and know nothing of engines."""

from __future__ import annotations

import hashlib
import json
import numbers
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import NoReturn, Self, TypeVar

from gapless.clock import parse_instant
from gapless.errors import DefinitionError, TypeMismatch
from gapless.expr.operation import Operation
from gapless.expr.operations import OPERATIONS
from gapless.expr.parameters import CHECKS, Value
from gapless.schema import Type

__all__ = ["MAX_DEPTH", "Node", "Operand", "build", "leaf", "postorder"]

Params = tuple[tuple[str, Value], ...]
N = TypeVar("N", bound="Node")
Operand = object  # a Node, or a Python value that turns into a literal
MAX_DEPTH = 1_000

_CHECK_OF_LITERAL = {Type.FLOAT: "float", Type.BOOL: "bool", Type.STRING: "text", Type.TIMESTAMP: "microseconds"}
_WAYS_OUT = {
    (Type.BOOL, "float"): "turn true and false into 1 and 0 with .to_float()",
    (Type.STRING, "float"): "read a number from text with .to_float()",
    (Type.TIMESTAMP, "float"): "take .hours_since(other), .hour(zone) or .to_float() of a timestamp",
    (Type.FLOAT, "bool"): "compare it, such as x > 0, or use .to_bool()",
    (Type.FLOAT, "string"): "write a number as text with .to_string()",
    (Type.FLOAT, "timestamp"): "turn seconds since 1970 into a timestamp with .to_timestamp()",
    (
        Type.STRING,
        "timestamp",
    ): "write an instant as datetime(2013, 1, 1, tzinfo=UTC), and declare the column as datetime",
}


class Node:
    """An operation over other nodes. Equal digests mean equal structure, so a shared part is computed once.

    Parameters:
        op — the operation's name; args — nodes; params — fixed values in the table's order; type — of the result,
          never INT.
    """

    __slots__ = ("args", "depth", "digest", "op", "params", "type")

    op: str
    args: tuple[Self, ...]
    params: Params
    type: Type
    digest: str
    depth: int

    def __init__(self, op: str, args: tuple[Self, ...], params: Params, kind: Type) -> None:
        depth = 1 + max((arg.depth for arg in args), default=0)
        values = (op, args, params, kind, _digest(op, args, params), depth)
        for name, value in zip(("op", "args", "params", "type", "digest", "depth"), values, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"expressions do not change: {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"expressions do not change: {name!r} cannot be deleted")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # Flat, since pickle recurses and a deep tree would run out of stack.
        order = list(postorder(self))
        position = {node.digest: index for index, node in enumerate(order)}
        rows = [(node.op, [position[arg.digest] for arg in node.args], node.params, node.type) for node in order]
        return _restored, (type(self), rows)

    def apply(self, op: str, *operands: Operand, **params: object) -> Self:
        """The node `op(self, *operands, **params)`, checked."""
        return build(type(self), op, (self, *operands), params)

    def param(self, name: str) -> Value:
        """The value of a fixed parameter."""
        return dict(self.params)[name]


def _restored(cls: type[N], rows: Sequence[tuple[str, list[int], Params, Type]]) -> N:
    nodes: list[N] = []
    for op, args, params, kind in rows:
        nodes.append(cls(op, tuple(nodes[index] for index in args), params, kind))
    return nodes[-1]


def _digest(op: str, args: Sequence[Node], params: Params) -> str:
    fields = {name: value.hex() if isinstance(value, float) else value for name, value in params}
    canonical = [op, OPERATIONS[op].version, [arg.digest for arg in args], fields]
    return hashlib.sha256(json.dumps(canonical, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def leaf(cls: type[N], op: str, **params: object) -> N:
    """A column, literal or null; its type is the parameter `type`."""
    kind = Type(CHECKS["type"](params["type"]))
    checks = dict(OPERATIONS[op].params)
    if op == "literal":
        checks["value"] = _CHECK_OF_LITERAL[kind]
    return cls(op, (), _checked(OPERATIONS[op], checks, params), kind)


def build(cls: type[N], op: str, operands: Sequence[Operand], params: Mapping[str, object]) -> N:
    """A node of operation `op`; Python values among the operands become literals.

    Raises: TypeMismatch for types that the operation does not take; DefinitionError for a parameter out of range or a
    tree too deep.
    """
    operation = OPERATIONS[op]
    args = _nodes(cls, operation, operands)
    checked = _checked(operation, operation.params, params)
    types = [arg.type for arg in args]
    found = next((kind for s in operation.signatures if (kind := s.result_of(types))), None)
    if found is None or not _values_fit(types, checked):
        _refuse_types(operation, [kind.value for kind in types])
    if max(arg.depth for arg in args) >= MAX_DEPTH:
        raise DefinitionError(
            "an expression nested too deeply", allowed=f"{MAX_DEPTH} levels", next_step="split it into several features"
        )
    return cls(op, args, checked, found)


def _nodes(cls: type[N], operation: Operation, operands: Sequence[Operand]) -> tuple[N, ...]:
    found = [_node(cls, operation, operand) for operand in operands]
    # Never `in` or `or` on nodes: Python would compare them, and a comparison is an expression.
    present = tuple(node for node in found if node is not None)
    if len(present) == len(found):
        return present
    types = operation.signatures[0].fill([None if node is None else node.type for node in found])
    if None in types:
        raise TypeMismatch(
            f"{operation.written} does not take None",
            seen=", ".join("None" if node is None else node.type.value for node in found),
            allowed=_allowed(operation),
            next_step="test for null with .is_null(), or name a type with null(float)",
        )
    return tuple(
        leaf(cls, "null", type=kind.value) if node is None else node
        for node, kind in zip(found, types, strict=True)
        if kind is not None
    )


def _node(cls: type[N], operation: Operation, operand: Operand) -> N | None:
    if operand is None or isinstance(operand, cls):
        return operand
    return literal_of(cls, operand, operation.written)


def literal_of(cls: type[N], value: object, what: str) -> N:
    """A literal leaf of a Python value."""
    if isinstance(value, bool | str):
        kind = Type.BOOL if isinstance(value, bool) else Type.STRING
    elif isinstance(value, numbers.Real):
        kind = Type.FLOAT
    elif isinstance(value, datetime):
        kind, value = Type.TIMESTAMP, parse_instant(value)
    else:
        raise TypeMismatch(
            f"{what} does not take a {type(value).__name__}",
            seen=value,
            allowed="expressions, numbers, texts, True, False, datetimes",
            next_step="write it as one of these; anything else cannot be part of a row expression",
        )
    return leaf(cls, "literal", type=kind.value, value=value)


def _checked(operation: Operation, checks: Mapping[str, str], params: Mapping[str, object]) -> Params:
    if set(checks) != set(params):
        raise DefinitionError(
            f"{operation.written} has other parameters", seen=", ".join(params), allowed=", ".join(checks) or "(none)"
        )
    return tuple((name, _check(operation, name, checks[name], params[name])) for name in checks)


def _check(operation: Operation, name: str, kind: str, value: object) -> Value:
    try:
        return CHECKS[kind](value)
    except (ValueError, TypeError) as error:
        raise DefinitionError(
            f"{operation.written} does not take this {name}",
            seen=value,
            allowed=str(error),
            next_step="write a value of that kind; it is fixed for all rows",
        ) from None


def _values_fit(types: Sequence[Type], params: Params) -> bool:
    """Whether a list parameter holds values of the argument's type."""
    lists = [value for _, value in params if isinstance(value, tuple)]
    return all(isinstance(value[0], str) is (types[0] is Type.STRING) for value in lists)


def _allowed(operation: Operation) -> str:
    return " | ".join(str(signature) for signature in operation.signatures)


def _refuse_types(operation: Operation, seen: Sequence[str]) -> NoReturn:
    wanted = {kind for signature in operation.signatures for kind in signature.args}
    ways = _ways(set(seen) - wanted, wanted) or _ways(set(seen), set(seen))
    raise TypeMismatch(
        f"{operation.written} does not take these types",
        seen=", ".join(seen),
        allowed=_allowed(operation),
        next_step="; ".join(ways) or "give it arguments of one type",
    )


def _ways(from_kinds: Set[str], to_kinds: Set[str]) -> list[str]:
    return [way for (kind, target), way in _WAYS_OUT.items() if kind.value in from_kinds and target in to_kinds]


def postorder(*roots: N) -> Iterator[N]:
    """Every distinct node once, arguments before what uses them, in a stable order. Iterative: a deep tree is fine."""
    done: set[str] = set()
    stack: list[tuple[N, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if node.digest in done:
            continue
        if ready:
            done.add(node.digest)
            yield node
        else:
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
