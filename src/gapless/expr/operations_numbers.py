"""The operation table, first half: values, arithmetic, comparison, logic, choice."""

from __future__ import annotations

from gapless.expr.operation import Operation, define

__all__ = ["NUMBERS"]

_ORDERED = "float, float -> bool | string, string -> bool | timestamp, timestamp -> bool | bool, bool -> bool"
_LEAST = "float, float... -> float | timestamp, timestamp... -> timestamp"

NUMBERS: tuple[Operation, ...] = (
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
    define("add", "Arithmetic", "float, float -> float", "x + y", "IEEE sum; null on overflow.", partial=True),
    define(
        "subtract", "Arithmetic", "float, float -> float", "x - y", "IEEE difference; null on overflow.", partial=True
    ),
    define("multiply", "Arithmetic", "float, float -> float", "x * y", "IEEE product; null on overflow.", partial=True),
    define(
        "divide",
        "Arithmetic",
        "float, float -> float",
        "x / y",
        "IEEE quotient; null when y is 0 and on overflow.",
        partial=True,
    ),
    define(
        "floor_divide",
        "Arithmetic",
        "float, float -> float",
        "x // y",
        "Floor of the quotient: with d = (x - x % y) / y it is floor(d), plus 1 where d is more than 0.5 above that. "
        "Null when y is 0 and on overflow. Never -0.0.",
        partial=True,
    ),
    define(
        "modulo",
        "Arithmetic",
        "float, float -> float",
        "x % y",
        "The exact remainder fmod(x, y), plus y where its sign differs from y's. Null when y is 0. Never -0.0.",
        partial=True,
    ),
    define(
        "power",
        "Arithmetic",
        "float, float -> float",
        "x ** y",
        "x to the y, under 0.7 ulp off (1 among denormals), the same bits everywhere; x ** 0 is 1. "
        "Null for 0 to a negative, for a negative x with a y that is not whole, and on overflow. Exact for y = 1 "
        "and 2 (one rounding).",
        partial=True,
    ),
    define("negate", "Arithmetic", "float -> float", "-x", "The sign bit turned: -0.0 for 0.0."),
    define("abs", "Arithmetic", "float -> float", "abs(x)", "The sign bit cleared."),
    define("floor", "Arithmetic", "float -> float", "x.floor()", "Largest whole number not above x. Never -0.0."),
    define("ceil", "Arithmetic", "float -> float", "x.ceil()", "Smallest whole number not below x. Never -0.0."),
    define(
        "round",
        "Arithmetic",
        "float -> float",
        "x.round()",
        "Nearest whole number, halves up: 0.5 → 1, -0.5 → 0, -1.5 → -1. Never -0.0.",
    ),
    define(
        "sqrt",
        "Arithmetic",
        "float -> float",
        "x.sqrt()",
        "IEEE square root; null below 0; -0.0 for -0.0.",
        partial=True,
    ),
    define(
        "exp",
        "Arithmetic",
        "float -> float",
        "x.exp()",
        "e to the x, under 0.7 ulp off (1 among denormals), the same bits everywhere; null on overflow.",
        partial=True,
    ),
    define(
        "log",
        "Arithmetic",
        "float -> float",
        "x.log()",
        "Natural logarithm, under 0.7 ulp off, the same bits everywhere; null for x ≤ 0.",
        partial=True,
    ),
    define(
        "log1p",
        "Arithmetic",
        "float -> float",
        "x.log1p()",
        "log(1 + x) without loss near 0, under 0.7 ulp off; null for x ≤ -1; keeps -0.0.",
        partial=True,
    ),
    define(
        "minimum",
        "Arithmetic",
        _LEAST,
        "minimum(x, y, ...)",
        "The least; null when any is null; -0.0 counts as below 0.0.",
    ),
    define(
        "maximum",
        "Arithmetic",
        _LEAST,
        "maximum(x, y, ...)",
        "The greatest; null when any is null; -0.0 counts as below 0.0.",
    ),
    # Comparison and logic
    define("eq", "Comparison", _ORDERED, "x == y", "Equal; 0.0 equals -0.0; texts by code points."),
    define("ne", "Comparison", _ORDERED, "x != y", "Not equal."),
    define("lt", "Comparison", _ORDERED, "x < y", "Below; texts by code points, false below true."),
    define("le", "Comparison", _ORDERED, "x <= y", "Below or equal."),
    define("gt", "Comparison", _ORDERED, "x > y", "Above."),
    define("ge", "Comparison", _ORDERED, "x >= y", "Above or equal."),
    define(
        "is_in",
        "Comparison",
        "float -> bool | string -> bool",
        "x.is_in([...])",
        "Whether x equals one of the listed values.",
        values="values",
    ),
    define(
        "position_in",
        "Comparison",
        "float -> float | string -> float",
        "x.position_in([...])",
        "Position of x in the list, from 0; null when it is not there. For ordinal encodings.",
        partial=True,
        values="values",
    ),
    define(
        "and",
        "Logic",
        "bool, bool -> bool",
        "p & q",
        "Three-valued: false when either is false, else null when either is null.",
        nulls="own",
    ),
    define(
        "or",
        "Logic",
        "bool, bool -> bool",
        "p | q",
        "Three-valued: true when either is true, else null when either is null.",
        nulls="own",
    ),
    define("not", "Logic", "bool -> bool", "~p", "The other one; null stays null."),
    define("is_null", "Logic", "T -> bool", "x.is_null()", "Whether x is null; never null itself.", nulls="own"),
    define(
        "is_not_null", "Logic", "T -> bool", "x.is_not_null()", "Whether x is not null; never null itself.", nulls="own"
    ),
    define(
        "if",
        "Choice",
        "bool, T, T -> T",
        "when(p, x).otherwise(y)",
        "x where p is true; y where p is false or null.",
        nulls="own",
    ),
    define("coalesce", "Choice", "T, T... -> T", "coalesce(x, y, ...)", "The first that is not null.", nulls="own"),
)
