"""What each operation is in Spark SQL: one step, or several of which each may use the one before as {last}."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from gapless.clock import DAY, HOUR, MINUTE, SECOND
from gapless.expr.nodes import Node
from gapless.expr.scalar import UNITS
from gapless.expr.text import BLANKS
from gapless.expr.zones import FAR
from gapless.schema import Type

__all__ = ["LAST", "MISSING", "TEMPLATES", "quoted", "steps_of"]

MISSING = frozenset(["exp", "log", "log1p", "power", "hash_bucket", "float_to_string"])
"""Spark has functions of these names or none; their last bits, or layout, are others'."""

LAST = "\0"
"""Stands for the name of the step before, until steps have names."""

FINITE = "CASE WHEN {last} - {last} = 0D THEN {last} END"
"""NaN and ±inf become null: of these the difference is NaN."""

_TYPES = {Type.FLOAT: "DOUBLE", Type.BOOL: "BOOLEAN", Type.STRING: "STRING", Type.TIMESTAMP: "TIMESTAMP"}
_LOWEST, _LONGEST = -(2**63), 2**30
_PLAIN = re.compile(r"[^'\"\\$\x00-\x1f\x7f]*")
_NUMBER = r"r'\A[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\z'"
_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"

_WHOLE = "CASE WHEN abs({0}) < 4503599627370496D THEN CAST({function}({0}) AS DOUBLE) ELSE {0} END"
_REMAINDER = "{0} % nullif({1}, 0D)"
_SIGNED = "CASE WHEN {last} <> 0D AND ({last} < 0D) <> ({1} < 0D) THEN {last} + {1} ELSE {last} END + 0D"
_NEGATIVE_ZERO = "{0} = {1} AND CAST({0} AS STRING) = '-0.0'"
_POSITIVE_ZERO = "{0} = {1} AND CAST({0} AS STRING) <> '-0.0'"

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "add": ("{0} + {1}", FINITE),
    "subtract": ("{0} - {1}", FINITE),
    "multiply": ("{0} * {1}", FINITE),
    "divide": ("{0} / nullif({1}, 0D)", FINITE),
    "modulo": (_REMAINDER, _SIGNED),
    "floor_divide": (
        _REMAINDER,
        _SIGNED,
        "({0} - {last}) / nullif({1}, 0D)",
        FINITE,
        "CASE WHEN abs({last}) < 4503599627370496D THEN CAST(floor({last}) + CASE WHEN {last} - floor({last}) > 0.5D"
        " THEN 1L ELSE 0L END AS DOUBLE) ELSE {last} END",
    ),
    "negate": ("-{0}",),
    "abs": ("abs({0})",),
    "floor": (_WHOLE.replace("{function}", "floor"),),
    "ceil": (_WHOLE.replace("{function}", "ceil"),),
    "round": (
        "CASE WHEN abs({0}) < 4503599627370496D THEN CAST(floor({0}) + CASE WHEN {0} - floor({0}) >= 0.5D THEN 1L"
        " ELSE 0L END AS DOUBLE) ELSE {0} END",
    ),
    "sqrt": ("CASE WHEN {0} >= 0D THEN sqrt({0}) END",),
    "eq": ("{0} = {1}",),
    "ne": ("{0} <> {1}",),
    "lt": ("{0} < {1}",),
    "le": ("{0} <= {1}",),
    "gt": ("{0} > {1}",),
    "ge": ("{0} >= {1}",),
    "and": ("{0} AND {1}",),
    "or": ("{0} OR {1}",),
    "not": ("NOT {0}",),
    "is_null": ("{0} IS NULL",),
    "is_not_null": ("{0} IS NOT NULL",),
    "if": ("CASE WHEN {0} THEN {1} ELSE {2} END",),
    "coalesce": ("coalesce({args})",),
    "lower": (f"translate({{0}}, '{_UPPER}', '{_LOWER}')",),
    "upper": (f"translate({{0}}, '{_LOWER}', '{_UPPER}')",),
    "trim": ("trim(BOTH {blanks} FROM {0})",),
    "length": ("CAST(length({0}) AS DOUBLE)",),
    "slice": ("{slice}",),
    "contains": ("contains({0}, {text})",),
    "starts_with": ("startswith({0}, {text})",),
    "ends_with": ("endswith({0}, {text})",),
    "concat": ("concat({args})",),
    "replace": ("replace({0}, {old}, {new})",),
    "bool_to_float": ("CASE WHEN {0} THEN 1D WHEN NOT {0} THEN 0D END",),
    "float_to_bool": ("{0} <> 0D",),
    "string_to_float": (f"TRY_CAST(CASE WHEN {{0}} RLIKE {_NUMBER} THEN {{0}} END AS DOUBLE)", FINITE),
    "timestamp_to_float": ("CAST(unix_micros({0}) AS DOUBLE) / 1000000D",),
    "float_to_timestamp": (
        "{0} * 1000000D",
        "CASE WHEN {last} >= -9.223372036854775808E18D AND {last} < 9.223372036854775808E18D THEN {last} END",
        "timestamp_micros(floor({last}) + CASE WHEN {last} - floor({last}) >= 0.5D THEN 1L ELSE 0L END)",
    ),
    "elapsed": ("CAST(try_subtract(unix_micros({0}), unix_micros({1})) AS DOUBLE) / {unit}",),
    "shift": ("timestamp_micros(try_add(unix_micros({0}), {by}))",),
}
"""Operation → its steps; {0}, {1}… are the arguments, {args} all of them, other words its parameters."""

_DAYS = "CAST(({0} - pmod({0}, 86400000000L)) div 86400000000L AS INT)"
_DATE = f"date_from_unix_date({_DAYS})"
_CALENDAR: Mapping[str, str] = {
    "year": f"year({_DATE})",
    "month": f"month({_DATE})",
    "day": f"day({_DATE})",
    "hour": f"pmod({{0}}, {DAY}L) div {HOUR}L",
    "minute": f"pmod({{0}}, {HOUR}L) div {MINUTE}L",
    "second": f"pmod({{0}}, {MINUTE}L) div {SECOND}L",
    "weekday": f"pmod({_DAYS} + 3, 7)",
    "day_of_year": f"dayofyear({_DATE})",
    "week": f"weekofyear({_DATE})",
}
"""Part → of µs since 1970, in UTC; Spark's own parts of a timestamp are those of the session's zone."""

_STARTS: Mapping[str, str] = {
    **{unit: f"{{0}} - pmod({{0}}, {width}L)" for unit, width in UNITS.items()},
    "week": f"({_DAYS} - pmod({_DAYS} + 3, 7)) * {DAY}L",
    "month": f"unix_date(trunc({_DATE}, 'MM')) * {DAY}L",
    "year": f"unix_date(trunc({_DATE}, 'YY')) * {DAY}L",
}
_NEAR = f"CASE WHEN unix_micros({{0}}) BETWEEN -{FAR}L AND {FAR}L THEN unix_micros({{0}}) END"


def steps_of(node: Node, args: Sequence[str]) -> tuple[str, ...]:
    """The texts of a node, given the names of its arguments."""
    if not node.args:
        return _leaf(node)
    params = dict(node.params)
    if node.op in MISSING or params.get("zone", "UTC") != "UTC":
        return (_named(node, args),)
    if node.op in ("minimum", "maximum"):
        return (_extreme(node, args),) if len(args) == 2 else _folded(node, args)
    if node.op in _CALENDAR:
        return _NEAR.format(*args), f"CAST({_CALENDAR[node.op].format(LAST)} AS DOUBLE)"
    if node.op == "truncate":
        return _NEAR.format(*args), f"timestamp_micros({_STARTS[str(params['unit'])].format(LAST)})"
    if node.op in _LISTS:
        return (_LISTS[node.op](args[0], _listed(params["values"])),)
    known = {**_parameters(node, args), "args": ", ".join(args), "last": LAST}
    return tuple(text.format(*args, **known) for text in TEMPLATES[node.op])


def _leaf(node: Node) -> tuple[str, ...]:
    if node.op == "column":
        name = quoted(str(node.param("name")))
        return (f"CAST({name} AS DOUBLE)", FINITE.format(last=LAST)) if node.type is Type.FLOAT else (name,)
    return (f"CAST(NULL AS {_TYPES[node.type]})" if node.op == "null" else literal(node.param("value"), node.type),)


def _named(node: Node, args: Sequence[str]) -> str:
    """A call of a function that no engine has: the text is for reading."""
    rest = [str(value) if isinstance(value, int) else f"'{value}'" for _, value in node.params]
    return f"gapless_{node.op}({', '.join([*args, *rest])})"


def _extreme(node: Node, pair: Sequence[str]) -> str:
    sign, zero = ("<", _NEGATIVE_ZERO) if node.op == "minimum" else (">", _POSITIVE_ZERO)
    first = f"{{0}} {sign} {{1}}" + (f" OR {zero}" if node.type is Type.FLOAT else "")
    both = "{0} IS NOT NULL AND {1} IS NOT NULL"
    return f"CASE WHEN {both} THEN CASE WHEN {first} THEN {{0}} ELSE {{1}} END END".format(*pair)


def _folded(node: Node, args: Sequence[str]) -> tuple[str, ...]:
    return (_extreme(node, args[:2]), *(_extreme(node, [LAST, arg]) for arg in args[2:]))


def _listed(values: Any) -> list[str]:
    return [literal(value + 0.0 if isinstance(value, float) else value, _kind(value)) for value in values]


def _kind(value: object) -> Type:
    return Type.STRING if isinstance(value, str) else Type.FLOAT


def _is_in(arg: str, values: Sequence[str]) -> str:
    return reduce(lambda found, value: f"{found} OR {arg} = {value}", values[1:], f"{arg} = {values[0]}")


def _position_in(arg: str, values: Sequence[str]) -> str:
    cases = " ".join(f"WHEN {arg} = {value} THEN {place}D" for place, value in enumerate(values))
    return f"CASE {cases} END"


_LISTS: Mapping[str, Callable[[str, Sequence[str]], str]] = {"is_in": _is_in, "position_in": _position_in}


def _parameters(node: Node, args: Sequence[str]) -> dict[str, str]:
    params = dict(node.params)
    texts = {"blanks": literal(BLANKS, Type.STRING)}
    for name in ("text", "old", "new"):
        if name in params:
            texts[name] = literal(params[name], Type.STRING)
    if node.op == "slice":
        texts["slice"] = _slice(args[0], int(str(params["start"])), params["stop"])
    if node.op == "elapsed":
        texts["unit"] = f"{UNITS[str(params['unit'])]}D"
    if node.op == "shift":
        texts["by"] = _long(int(str(params["by"])))
    return texts


def _slice(arg: str, start: int, stop: Any) -> str:
    """Python's slice, of texts of up to 2^30 code points."""
    low = _place(arg, start)
    high = f"length({arg})" if stop is None else _place(arg, int(stop))
    return f"substring({arg}, {low} + 1, greatest({high} - {low}, 0))"


def _place(arg: str, index: int) -> str:
    near = max(-_LONGEST, min(index, _LONGEST))
    return str(near) if near >= 0 else f"greatest(length({arg}) - {-near}, 0)"


def literal(value: Any, kind: Type) -> str:
    """A value as SQL that no setting of the session reads otherwise."""
    if kind is Type.FLOAT:
        return f"{float(value)!r}D".replace("e", "E")
    if kind is Type.BOOL:
        return "TRUE" if value else "FALSE"
    if kind is Type.TIMESTAMP:
        return f"timestamp_micros({_long(int(value))})"
    # Quotes, backslashes and ${} are read in several ways, so such a text is written as its bytes.
    return f"'{value}'" if _PLAIN.fullmatch(value) else f"CAST(X'{value.encode().hex()}' AS STRING)"


def _long(value: int) -> str:
    return f"{value}L" if value > _LOWEST else f"CAST('{value}' AS BIGINT)"


def quoted(name: str) -> str:
    """A name in backticks."""
    return "`" + name.replace("`", "``") + "`"
