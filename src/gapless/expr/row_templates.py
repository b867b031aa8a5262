"""What each operation is in the Python of one row."""

from __future__ import annotations

from collections.abc import Mapping

from gapless.expr.nodes import Node
from gapless.schema import Type

__all__ = ["CALENDAR", "READ", "TEMPLATES", "template_of"]

CALENDAR = ("year", "month", "day", "hour", "minute", "second", "weekday", "day_of_year", "week")
"""Parts of local time, which is looked up once per instant and zone."""

_LEAST = "{0} if {0} < {1} or {0} == {1} and copysign(1.0, {0}) < 0.0 else {1}"
_GREATEST = "{0} if {0} > {1} or {0} == {1} and copysign(1.0, {0}) > 0.0 else {1}"

TEMPLATES: Mapping[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1} if {1} != 0.0 else nan",
    "floor_divide": "floor_divide({0}, {1})",
    "modulo": "modulo({0}, {1})",
    "power": "power({0}, {1})",
    "negate": "-{0}",
    "abs": "abs({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "round_half_up({0})",
    "sqrt": "sqrt({0}) if {0} >= 0.0 else nan",
    "exp": "exp({0})",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "minimum": "least({args})",
    "maximum": "greatest({args})",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "is_in": "{0} in {values}",
    "position_in": "{values}.get({0}, nan)",
    "and": "False if {0} is False or {1} is False else None if {0} is None or {1} is None else True",
    "or": "True if {0} is True or {1} is True else None if {0} is None or {1} is None else False",
    "not": "not {0}",
    "is_null": "{0} is None",
    "is_not_null": "{0} is not None",
    "if": "{1} if {0} else {2}",
    "coalesce": "{0} if {0} is not None else {1}",
    "lower": "ascii_lower({0})",
    "upper": "ascii_upper({0})",
    "trim": "{0}.strip(BLANKS)",
    "length": "float(len({0}))",
    "slice": "{0}[{start}:{stop}]",
    "contains": "{text} in {0}",
    "starts_with": "{0}.startswith({text})",
    "ends_with": "{0}.endswith({text})",
    "concat": "''.join(({args}))",
    "replace": "{0}.replace({old}, {new})",
    "hash_bucket": "float(murmur3({0}, {seed}) % {buckets})",
    "bool_to_float": "1.0 if {0} else 0.0",
    "float_to_bool": "{0} != 0.0",
    "string_to_float": "parse_float({0})",
    "float_to_string": "format_float({0})",
    "timestamp_to_float": "float({0}) / 1000000.0",
    "float_to_timestamp": "from_seconds({0})",
    "elapsed": "elapsed({0}, {1}, {unit})",
    "shift": "shift({0}, {by})",
    "truncate": "truncate({unit}, {0}, {zone})",
    "hour": "float({0} // 3600000000 % 24)",
    "minute": "float({0} // 60000000 % 60)",
    "second": "float({0} // 1000000 % 60)",
    "year": "float(date_of_days({0} // 86400000000)[0])",
    "month": "float(date_of_days({0} // 86400000000)[1])",
    "day": "float(date_of_days({0} // 86400000000)[2])",
    "weekday": "float(({0} // 86400000000 + 3) % 7)",
    "day_of_year": "float(day_of_year({0} // 86400000000))",
    "week": "float(iso_week({0} // 86400000000))",
}
"""Operation → Python expression of its arguments, none of which is null unless the null rule is the operation's own.

Of a CALENDAR operation the argument is local time in µs.
"""

_TWO_FLOATS = {"minimum": _LEAST, "maximum": _GREATEST}
_INT64 = "-9223372036854775808 <= {0} <= 9223372036854775807"
READ: Mapping[Type, str] = {
    Type.FLOAT: "if type({0}) is not float: {0} = read_float({1}, {0})\n    elif {0} - {0} != 0.0: {0} = None",
    Type.BOOL: "if {0} is not True and {0} is not False: {0} = read_bool({1}, {0})",
    Type.STRING: "if type({0}) is not str or not {0}.isascii(): {0} = read_string({1}, {0})",
    Type.TIMESTAMP: f"if type({{0}}) is not int or not {_INT64}: {{0}} = read_timestamp({{1}}, {{0}})",
}
"""Type → statements that check a column's value {0}, called {1}."""


def template_of(node: Node) -> str:
    """The template for this number and type of arguments."""
    if node.op == "coalesce":
        return (
            " else ".join(f"{{{i}}} if {{{i}}} is not None" for i in range(len(node.args) - 1))
            + f" else {{{len(node.args) - 1}}}"
        )
    if node.op in _TWO_FLOATS and node.type is Type.TIMESTAMP:
        return f"{node.op[:3]}({{args}})"
    if node.op in _TWO_FLOATS and len(node.args) == 2:
        return _TWO_FLOATS[node.op]
    return TEMPLATES[node.op]
