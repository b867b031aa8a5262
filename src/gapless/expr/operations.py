"""The operation table: the one list from which types, emitters, documentation and golden vectors are driven.

An operation is added here with its types and its exact meaning. Tests then ask for both emitters, golden rows and a
row in the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gapless.expr.signatures import Signature, parse_signatures

__all__ = ["LEAVES", "OPERATIONS", "OPSET_VERSION", "Operation"]

OPSET_VERSION = 1


@dataclass(frozen=True)
class Operation:
    """One operation of the closed set.

    Parameters:
        name — as files spell it; never reused with another meaning.
        written — how an author writes it.
        meaning — the exact rule, as the documentation shows it.
        params — name → kind of the fixed parameters, checked by `parameters.CHECKS`.
        nulls — "propagate": null when any argument is null; "own": the meaning says what happens.
        partial — the result may be undefined or overflow, and is null then.
        version — raised when the meaning changes; part of every fingerprint that uses the operation.
    """

    name: str
    group: str
    signatures: tuple[Signature, ...]
    written: str
    meaning: str
    params: Mapping[str, str]
    nulls: str = "propagate"
    partial: bool = False
    version: int = 1


def _op(
    name: str,
    group: str,
    types: str,
    written: str,
    meaning: str,
    *,
    nulls: str = "propagate",
    partial: bool = False,
    **params: str,
) -> Operation:
    return Operation(name, group, parse_signatures(types), written, meaning, params, nulls, partial)


_ORDERED = "float, float -> bool | string, string -> bool | timestamp, timestamp -> bool | bool, bool -> bool"
_LEAST = "float, float... -> float | timestamp, timestamp... -> timestamp"
_ZONED = "timestamp -> float"

LEAVES = ("column", "literal", "null")

_TABLE = (
    # The type of a leaf is a parameter of it, so leaves have no signature.
    Operation(
        "column",
        "Values",
        (),
        "r.x",
        "A column of the row. NaN and ±inf read as null.",
        {"name": "text", "type": "type"},
    ),
    Operation(
        "literal",
        "Values",
        (),
        "literal(2.5)",
        "The same value in every row. Python numbers, texts, bools and datetimes (without an offset: UTC) turn "
        "into literals by themselves.",
        {"type": "type", "value": "literal"},
    ),
    Operation("null", "Values", (), "null(float)", "No value, of a stated type.", {"type": "type"}),
    # Arithmetic
    _op("add", "Arithmetic", "float, float -> float", "x + y", "IEEE sum; null on overflow.", partial=True),
    _op("subtract", "Arithmetic", "float, float -> float", "x - y", "IEEE difference; null on overflow.", partial=True),
    _op("multiply", "Arithmetic", "float, float -> float", "x * y", "IEEE product; null on overflow.", partial=True),
    _op(
        "divide",
        "Arithmetic",
        "float, float -> float",
        "x / y",
        "IEEE quotient; null when y is 0 and on overflow.",
        partial=True,
    ),
    _op(
        "floor_divide",
        "Arithmetic",
        "float, float -> float",
        "x // y",
        "Floor of the quotient: with d = (x - x % y) / y it is floor(d), plus 1 where d is more than 0.5 above that. "
        "Null when y is 0 and on overflow. Never -0.0.",
        partial=True,
    ),
    _op(
        "modulo",
        "Arithmetic",
        "float, float -> float",
        "x % y",
        "The exact remainder fmod(x, y), plus y where its sign differs from y's. Null when y is 0. Never -0.0.",
        partial=True,
    ),
    _op(
        "power",
        "Arithmetic",
        "float, float -> float",
        "x ** y",
        "x to the y, under 0.7 ulp off, the same bits everywhere; x ** 0 is 1. "
        "Null for 0 to a negative, for a negative x with a y that is not whole, and on overflow. Exact for y = 1 "
        "and 2 (one rounding).",
        partial=True,
    ),
    _op("negate", "Arithmetic", "float -> float", "-x", "The sign bit turned: -0.0 for 0.0."),
    _op("abs", "Arithmetic", "float -> float", "abs(x)", "The sign bit cleared."),
    _op("floor", "Arithmetic", "float -> float", "x.floor()", "Largest whole number not above x. Never -0.0."),
    _op("ceil", "Arithmetic", "float -> float", "x.ceil()", "Smallest whole number not below x. Never -0.0."),
    _op(
        "round",
        "Arithmetic",
        "float -> float",
        "x.round()",
        "Nearest whole number, halves up: 0.5 → 1, -0.5 → 0, -1.5 → -1. Never -0.0.",
    ),
    _op(
        "sqrt",
        "Arithmetic",
        "float -> float",
        "x.sqrt()",
        "IEEE square root; null below 0; -0.0 for -0.0.",
        partial=True,
    ),
    _op(
        "exp",
        "Arithmetic",
        "float -> float",
        "x.exp()",
        "e to the x, under 0.7 ulp off, the same bits everywhere; null on overflow.",
        partial=True,
    ),
    _op(
        "log",
        "Arithmetic",
        "float -> float",
        "x.log()",
        "Natural logarithm, under 0.7 ulp off, the same bits everywhere; null for x ≤ 0.",
        partial=True,
    ),
    _op(
        "log1p",
        "Arithmetic",
        "float -> float",
        "x.log1p()",
        "log(1 + x) without loss near 0, under 0.7 ulp off; null for x ≤ -1; keeps -0.0.",
        partial=True,
    ),
    _op(
        "minimum",
        "Arithmetic",
        _LEAST,
        "minimum(x, y, ...)",
        "The least; null when any is null; -0.0 counts as below 0.0.",
    ),
    _op(
        "maximum",
        "Arithmetic",
        _LEAST,
        "maximum(x, y, ...)",
        "The greatest; null when any is null; -0.0 counts as below 0.0.",
    ),
    # Comparison and logic
    _op("eq", "Comparison", _ORDERED, "x == y", "Equal; 0.0 equals -0.0; texts by code points."),
    _op("ne", "Comparison", _ORDERED, "x != y", "Not equal."),
    _op("lt", "Comparison", _ORDERED, "x < y", "Below; texts by code points, false below true."),
    _op("le", "Comparison", _ORDERED, "x <= y", "Below or equal."),
    _op("gt", "Comparison", _ORDERED, "x > y", "Above."),
    _op("ge", "Comparison", _ORDERED, "x >= y", "Above or equal."),
    _op(
        "is_in",
        "Comparison",
        "float -> bool | string -> bool",
        "x.is_in([...])",
        "Whether x equals one of the listed values.",
        values="values",
    ),
    _op(
        "position_in",
        "Comparison",
        "float -> float | string -> float",
        "x.position_in([...])",
        "Position of x in the list, from 0; null when it is not there. For ordinal encodings.",
        partial=True,
        values="values",
    ),
    _op(
        "and",
        "Logic",
        "bool, bool -> bool",
        "p & q",
        "Three-valued: false when either is false, else null when either is null.",
        nulls="own",
    ),
    _op(
        "or",
        "Logic",
        "bool, bool -> bool",
        "p | q",
        "Three-valued: true when either is true, else null when either is null.",
        nulls="own",
    ),
    _op("not", "Logic", "bool -> bool", "~p", "The other one; null stays null."),
    _op("is_null", "Logic", "T -> bool", "x.is_null()", "Whether x is null; never null itself.", nulls="own"),
    _op(
        "is_not_null", "Logic", "T -> bool", "x.is_not_null()", "Whether x is not null; never null itself.", nulls="own"
    ),
    _op(
        "if",
        "Choice",
        "bool, T, T -> T",
        "when(p, x).otherwise(y)",
        "x where p is true; y where p is false or null.",
        nulls="own",
    ),
    _op("coalesce", "Choice", "T, T... -> T", "coalesce(x, y, ...)", "The first that is not null.", nulls="own"),
    # Strings
    _op("lower", "Strings", "string -> string", "s.lower()", "A-Z to a-z; every other character stays."),
    _op("upper", "Strings", "string -> string", "s.upper()", "a-z to A-Z; every other character stays."),
    _op(
        "trim",
        "Strings",
        "string -> string",
        "s.trim()",
        "Without space, tab, line feed, vertical tab, form feed, carriage return at both ends.",
    ),
    _op("length", "Strings", "string -> float", "s.length()", "Number of code points."),
    _op(
        "slice",
        "Strings",
        "string -> string",
        "s[start:stop]",
        "Code points from start up to stop, as Python slices: a negative one counts from the end.",
        start="int",
        stop="int?",
    ),
    _op(
        "contains",
        "Strings",
        "string -> bool",
        's.contains("b")',
        "Whether the text occurs in s, code point by code point.",
        text="text",
    ),
    _op(
        "starts_with", "Strings", "string -> bool", 's.starts_with("b")', "Whether s begins with the text.", text="text"
    ),
    _op("ends_with", "Strings", "string -> bool", 's.ends_with("b")', "Whether s ends with the text.", text="text"),
    _op(
        "concat",
        "Strings",
        "string, string... -> string",
        "concat(s, t, ...)",
        "One after the other; null when any is null.",
    ),
    _op(
        "replace",
        "Strings",
        "string -> string",
        's.replace("a", "b")',
        "Each occurrence of the first text, from the left without overlap, becomes the second.",
        old="pattern",
        new="text",
    ),
    _op(
        "hash_bucket",
        "Strings",
        "string -> float",
        "s.hash_bucket(n, seed=0)",
        "MurmurHash3 (x86, 32 bit, unsigned) of the UTF-8 bytes, modulo n.",
        buckets="buckets",
        seed="seed",
    ),
    # Casts
    _op("bool_to_float", "Casts", "bool -> float", "p.to_float()", "1 for true, 0 for false."),
    _op("float_to_bool", "Casts", "float -> bool", "x.to_bool()", "False for 0.0 and -0.0, else true."),
    _op(
        "string_to_float",
        "Casts",
        "string -> float",
        "s.to_float()",
        "The nearest float of [+-] digits [. digits] [e [+-] digits], with a digit before or after the point, "
        "ASCII, no blanks; anything else, and overflow, is null.",
        partial=True,
    ),
    _op(
        "float_to_string",
        "Casts",
        "float -> string",
        "x.to_string()",
        'The shortest decimal that reads back as x, laid out as ECMAScript does: 1 → "1", 0.1 → "0.1", 1e21 → '
        '"1e+21", -0.0 → "0".',
    ),
    _op(
        "timestamp_to_float",
        "Casts",
        "timestamp -> float",
        "t.to_float()",
        "Seconds since 1970-01-01 UTC: the microseconds as a float, divided by 1e6.",
    ),
    _op(
        "float_to_timestamp",
        "Casts",
        "float -> timestamp",
        "x.to_timestamp()",
        "From seconds since 1970-01-01 UTC: x * 1e6 rounded half up to microseconds; null outside 64 bits.",
        partial=True,
    ),
    # Time
    _op(
        "elapsed",
        "Time",
        "timestamp, timestamp -> float",
        "t.hours_since(u)",
        "Microseconds from u to t as a float, divided by those of the unit (seconds, minutes, hours, days_since);"
        " null where the difference exceeds 64 bits.",
        partial=True,
        unit="span unit",
    ),
    _op(
        "shift",
        "Time",
        "timestamp -> timestamp",
        't + "90m"',
        "The instant a fixed duration later (or earlier, with -); null outside 64 bits. A day is 24 hours.",
        partial=True,
        by="microseconds",
    ),
    _op(
        "truncate",
        "Time",
        "timestamp -> timestamp",
        't.truncate("day", zone)',
        "Second, minute, hour: local time cut down, at the offset in force at t. Day, week (Monday), month, year:"
        " the first instant of that local date; "
        "where its midnight is skipped, the end of the gap; where it occurs twice, the first. Null beyond ±2^62 µs.",
        partial=True,
        unit="clock unit",
        zone="zone",
    ),
    *(
        _op(
            name,
            "Time",
            _ZONED,
            f"t.{name}(zone)",
            f"{meaning} in the zone (UTC by default). Null beyond ±2^62 µs.",
            partial=True,
            zone="zone",
        )
        for name, meaning in {
            "year": "Calendar year (proleptic Gregorian; 0 is 1 BC)",
            "month": "Month, 1 to 12,",
            "day": "Day of the month, 1 to 31,",
            "hour": "Hour, 0 to 23,",
            "minute": "Minute, 0 to 59,",
            "second": "Whole second, 0 to 59,",
            "weekday": "Day of the week, Monday 0 to Sunday 6,",
            "day_of_year": "Day of the year, 1 to 366,",
            "week": "ISO 8601 week, 1 to 53,",
        }.items()
    ),
)

OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _TABLE}
