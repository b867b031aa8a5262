"""What each operation is in TypeScript; `@name` is a function of the runtime."""

from __future__ import annotations

from collections.abc import Mapping

from gapless.expr.nodes import Node
from gapless.expr.row_templates import CALENDAR
from gapless.schema import Type

__all__ = ["READ", "TEMPLATES", "TYPES", "template_of"]

TYPES: Mapping[Type, str] = {
    Type.FLOAT: "number",
    Type.BOOL: "boolean",
    Type.STRING: "string",
    Type.TIMESTAMP: "Timestamp",
}
READ: Mapping[Type, str] = {
    Type.FLOAT: "readFloat",
    Type.BOOL: "readBool",
    Type.STRING: "readString",
    Type.TIMESTAMP: "readTimestamp",
}

TEMPLATES: Mapping[str, str] = {
    "add": "@finite({0} + {1})",
    "subtract": "@finite({0} - {1})",
    "multiply": "@finite({0} * {1})",
    "divide": "@finite({0} / {1})",
    "floor_divide": "@finite(@floorDivide({0}, {1}))",
    "modulo": "@finite(@modulo({0}, {1}))",
    "power": "@finite(@power({0}, {1}))",
    "negate": "-{0}",
    "abs": "Math.abs({0})",
    "floor": "@floor({0})",
    "ceil": "@ceil({0})",
    "round": "@roundHalfUp({0})",
    "sqrt": "@finite(Math.sqrt({0}))",
    "exp": "@finite(@exp({0}))",
    "log": "@finite(@log({0}))",
    "log1p": "@finite(@log1p({0}))",
    "minimum": "@least({0}, {1})",
    "maximum": "@greatest({0}, {1})",
    "eq": "{0} === {1}",
    "ne": "{0} !== {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "is_in": "{values}.has({0})",
    "position_in": "{values}.get({0}) ?? null",
    "and": "@and({0}, {1})",
    "or": "@or({0}, {1})",
    "not": "!{0}",
    "is_null": "{0} === null",
    "is_not_null": "{0} !== null",
    "if": "{0} === true ? {1} : {2}",
    "coalesce": "{0} ?? {1}",
    "lower": "@asciiLower({0})",
    "upper": "@asciiUpper({0})",
    "trim": "@trim({0})",
    "length": "@lengthOf({0})",
    "slice": "@slice({0}, {start}, {stop})",
    "contains": "{0}.includes({text})",
    "starts_with": "{0}.startsWith({text})",
    "ends_with": "{0}.endsWith({text})",
    "concat": "{0} + {1}",
    "replace": "@replace({0}, {old}, {new})",
    "hash_bucket": "@murmur3({0}, {seed}) % {buckets}",
    "bool_to_float": "{0} ? 1 : 0",
    "float_to_bool": "{0} !== 0",
    "string_to_float": "@finite(@parseNumber({0}))",
    "float_to_string": "String({0})",
    "timestamp_to_float": "@toSeconds({0})",
    "float_to_timestamp": "@fromSeconds({0})",
    "elapsed": "@finite(@elapsed({0}, {1}, {unit}))",
    "shift": "@shift({0}, {by})",
    "truncate": "@truncate({0}, {unit}, {zone})",
    "day_of_year": "@dayOfYear({0})",
    **{part: f"@{part}({{0}})" for part in CALENDAR if part != "day_of_year"},
}
"""Operation → TypeScript of its arguments, none of which is null unless the null rule is the operation's own.

Of a CALENDAR operation the argument is local time in seconds.
"""

_OF_BOOLS = {"lt": "!{0} && {1}", "le": "!{0} || {1}", "gt": "{0} && !{1}", "ge": "{0} || !{1}"}
_OF_INSTANTS = {"minimum": "@earlier({0}, {1})", "maximum": "@later({0}, {1})"}


def template_of(node: Node) -> str:
    """The template for these types of arguments; of more than two, the first two go first."""
    kind = node.args[0].type
    if node.op in _OF_BOOLS and kind is Type.BOOL:
        return _OF_BOOLS[node.op]
    if node.op in _OF_BOOLS and kind is Type.STRING:
        return f"@compareText({{0}}, {{1}}) {TEMPLATES[node.op][4:-4]} 0"
    found = _OF_INSTANTS.get(node.op) if kind is Type.TIMESTAMP else None
    return _folded(found or TEMPLATES[node.op], len(node.args), node.op in ("minimum", "maximum", "coalesce", "concat"))


def _folded(template: str, count: int, variadic: bool) -> str:
    found = template
    for index in range(2, count if variadic else 0):
        found = template.replace("{1}", f"{{{index}}}").replace("{0}", found)
    return found
