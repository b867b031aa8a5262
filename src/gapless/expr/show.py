"""An expression as the author would write it."""

from __future__ import annotations

from gapless.clock import format_duration, format_instant
from gapless.errors import DefinitionError
from gapless.expr.nodes import Node
from gapless.schema import Type

__all__ = ["show"]

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "modulo": "%", "power": "**",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|",
}  # fmt: skip
_FUNCTIONS = ("minimum", "maximum", "coalesce", "concat")
_PREFIX = {"negate": "-", "not": "~"}
_LIMIT = 400


def show(node: Node, depth: int = 12) -> str:
    """Readable text, cut where the tree is deep or long: for people, never parsed."""
    text = _show(node, depth)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"


def _show(node: Node, depth: int) -> str:
    if depth == 0:
        return "…"
    if not node.args:
        return _leaf(node)
    args = [_show(arg, depth - 1) for arg in node.args[:20]]
    if node.op in _INFIX:
        return f"{_wrapped(node.args[0], args[0])} {_INFIX[node.op]} {_wrapped(node.args[1], args[1])}"
    if node.op in _PREFIX:
        return _PREFIX[node.op] + _wrapped(node.args[0], args[0])
    if node.op in _FUNCTIONS:
        return f"{node.op}({', '.join(args)})"
    if node.op == "if":
        return f"when({args[0]}, {args[1]}).otherwise({args[2]})"
    return _method(node, args)


def _method(node: Node, args: list[str]) -> str:
    params = dict(node.params)
    name = node.op
    if name == "elapsed":
        name = f"{params.pop('unit')}s_since"
    if name == "shift":
        by = int(str(params["by"]))
        return f"{args[0]} {'-' if by < 0 else '+'} {format_duration(abs(by))!r}"
    if "_to_" in name:
        name = name[name.index("to_") :]
    rest = [*args[1:], *(repr(list(value) if isinstance(value, tuple) else value) for value in params.values())]
    return f"{_wrapped(node.args[0], args[0])}.{name}({', '.join(rest)})"


def _wrapped(arg: Node, text: str) -> str:
    return f"({text})" if arg.op in _INFIX or arg.op in (*_PREFIX, "shift") else text


def _leaf(node: Node) -> str:
    if node.op == "column":
        return "r." + str(node.param("name")).replace("__", ".")
    if node.op == "null":
        return f"null({node.type.value})"
    value = node.param("value")
    return _instant(int(str(value))) if node.type is Type.TIMESTAMP else repr(value)


def _instant(us: int) -> str:
    try:
        return f"instant({format_instant(us)})"
    except (OverflowError, DefinitionError):
        return f"instant({us} µs)"
