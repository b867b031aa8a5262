"""Expressions as JSON, and back from JSON that nobody has vouched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapless.errors import AuthorError, CorruptData
from gapless.expr.expression import Expr
from gapless.expr.nodes import build, leaf, postorder
from gapless.expr.operations import LEAVES, OPERATIONS, OPSET_VERSION
from gapless.expr.parameters import Value
from gapless.schema import Type

__all__ = ["MAX_NODES", "from_json", "to_json"]

MAX_NODES = 10_000
_FIELDS = {"opset", "nodes"}


def to_json(expr: Expr) -> dict[str, Any]:
    """A JSON value that `from_json` turns into the same expression.

    Shape: {"opset": 1, "nodes": [{"op": …, "args": [earlier positions], "params": {…}}, …]}; the last node is the
    result, and a shared part stands once. Whole µs of a timestamp are text, since JSON numbers end at 2^53.
    """
    order = list(postorder(expr))
    position = {node.digest: index for index, node in enumerate(order)}
    return {"opset": OPSET_VERSION, "nodes": [_node_to_json(node, position) for node in order]}


def _node_to_json(node: Expr, position: Mapping[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {"op": node.op}
    if node.args:
        found["args"] = [position[arg.digest] for arg in node.args]
    if node.params:
        found["params"] = {name: _value_to_json(node, value) for name, value in node.params}
    return found


def _value_to_json(node: Expr, value: Value) -> Any:
    if isinstance(value, tuple):
        return list(value)
    in_microseconds = node.op == "shift" or (
        node.op == "literal" and node.type is Type.TIMESTAMP and isinstance(value, int)
    )
    return str(value) if in_microseconds else value


def from_json(doc: object) -> Expr:
    """The expression that `to_json` wrote. Nothing in `doc` is trusted.

    Raises: CorruptData for anything that is not an expression of this operation set.
    Cost: linear in the document, which may hold at most 10,000 nodes, 1,000 deep.
    """
    if not isinstance(doc, dict) or set(doc) != _FIELDS:
        raise _corrupt("not an expression", seen=doc, allowed="an object with 'opset' and 'nodes'")
    opset, nodes = doc["opset"], doc["nodes"]
    if type(opset) is not int or not 1 <= opset <= OPSET_VERSION:
        raise _corrupt("an expression of another operation set", seen=opset, allowed=f"1 to {OPSET_VERSION}")
    if not isinstance(nodes, list) or not 1 <= len(nodes) <= MAX_NODES:
        raise _corrupt("an expression without nodes, or with too many", seen=nodes, allowed=f"1 to {MAX_NODES} nodes")
    return _assembled(nodes)


def _assembled(nodes: Sequence[object]) -> Expr:
    built: list[Expr] = []
    used: set[int] = set()
    for position, doc in enumerate(nodes):
        try:
            built.append(_node_from_json(doc, built, used))
        except AuthorError as error:
            raise _corrupt(f"node {position}: {error.what}", seen=error.seen, allowed=error.allowed or "") from None
        except (ValueError, TypeError) as error:
            if isinstance(error, CorruptData):
                raise
            raise _corrupt(f"node {position} is malformed", seen=doc, allowed=str(error)) from None
    if len(used) != len(built) - 1:
        raise _corrupt(
            "nodes that nothing uses", seen=len(built) - 1 - len(used), allowed="every node but the last is an argument"
        )
    return built[-1]


def _node_from_json(doc: object, built: Sequence[Expr], used: set[int]) -> Expr:
    if not isinstance(doc, dict) or not set(doc) <= {"op", "args", "params"}:
        raise _corrupt("not a node", seen=doc, allowed="an object with 'op', 'args', 'params'")
    op, args, params = doc.get("op"), doc.get("args", []), doc.get("params", {})
    if not isinstance(op, str) or op not in OPERATIONS:
        raise _corrupt("an unknown operation", seen=op, allowed="an operation of the table in the documentation")
    if not isinstance(args, list) or not isinstance(params, dict):
        raise _corrupt("not a node", seen=doc, allowed="'args' a list, 'params' an object")
    values = {name: _value_from_json(op, name, params) for name in params}
    if op in LEAVES:
        if args or set(values) != set(OPERATIONS[op].params):
            raise _corrupt("a malformed leaf", seen=doc, allowed=", ".join(OPERATIONS[op].params))
        return leaf(Expr, op, **values)
    return build(Expr, op, [_argument(index, built, used) for index in args], values)


def _argument(index: object, built: Sequence[Expr], used: set[int]) -> Expr:
    if type(index) is not int or not 0 <= index < len(built):
        raise _corrupt("an argument that is not an earlier node", seen=index, allowed=f"0 to {len(built) - 1}")
    used.add(index)
    return built[index]


def _value_from_json(op: str, name: str, params: Mapping[str, object]) -> object:
    value = params[name]
    in_microseconds = op == "shift" or (op == "literal" and name == "value" and params.get("type") == "timestamp")
    if not in_microseconds:
        return value
    if (
        isinstance(value, str)
        and len(value) <= 20
        and value.removeprefix("-").isascii()
        and value.removeprefix("-").isdigit()
    ):
        return int(value)
    raise _corrupt("not a number of microseconds", seen=value, allowed="whole microseconds as text")


def _corrupt(what: str, *, seen: object, allowed: str) -> CorruptData:
    return CorruptData(
        what,
        seen=seen,
        allowed=allowed,
        next_step="write the file again from the product, with this release of gapless or an older one",
    )
