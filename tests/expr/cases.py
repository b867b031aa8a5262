"""Expressions of every operation, and rows that try to break them. Shared by the golden vectors and the tests of emitters."""

# ruff: noqa: E501, RUF001
from __future__ import annotations

import itertools
import math
import random
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from gapless.clock import parse_instant
from gapless.expr import Expr, coalesce, column, concat, literal, maximum, minimum, null, when
from gapless.expr.zones import load_zone
from gapless.schema import Type

x, y, z = (column(name, Type.FLOAT) for name in "xyz")
p, q = (column(name, Type.BOOL) for name in "pq")
s, u = (column(name, Type.STRING) for name in "su")
t, w = (column(name, Type.TIMESTAMP) for name in "tw")
COLUMNS = {
    **dict.fromkeys("xyz", Type.FLOAT),
    **dict.fromkeys("pq", Type.BOOL),
    **dict.fromkeys("su", Type.STRING),
    **dict.fromkeys("tw", Type.TIMESTAMP),
}

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Casablanca",
)
_ALL_PAIRS = ((x, y), (s, u), (t, w), (p, q))

CASES: dict[str, list[Expr]] = {
    "column": [x, p, s, t],
    "literal": [
        literal(-0.0),
        literal(5e-324),
        literal(0.1),
        literal(True),
        literal(""),
        literal("'\"\\{}\n😀é"),
        literal(datetime(2013, 7, 1, tzinfo=UTC)),
        literal(datetime(1, 1, 1)),
        x + literal(0.1),
    ],
    "null": [null(float), null(bool), null(str), null(datetime), x + null(float), p & null(bool), concat(s, null(str))],
    "add": [x + y, x + 1, 0.1 + x],
    "subtract": [x - y, 1 - x],
    "multiply": [x * y, x * x, x * 0.0],
    "divide": [x / y, 1 / x, x / 0, x / 3],
    "floor_divide": [x // y, x // 1, x // -0.1, 7 // x],
    "modulo": [x % y, x % 1, x % -24, 7 % x],
    "power": [x**y, x**2, x**0.5, x**-1, 2**x, x**3, x**0],
    "negate": [-x],
    "abs": [abs(x)],
    "floor": [x.floor()],
    "ceil": [x.ceil()],
    "round": [x.round(), (x * 100).round() / 100],
    "sqrt": [x.sqrt()],
    "exp": [x.exp(), (-x).exp()],
    "log": [x.log(), abs(x).log()],
    "log1p": [x.log1p(), (x / 1e16).log1p()],
    "minimum": [minimum(x, y), minimum(x, y, z), minimum(0, x), minimum(t, w), minimum(x, -0.0, y, 3)],
    "maximum": [maximum(x, y), maximum(x, y, z), maximum(-0.0, x), maximum(t, w), x.clip(-1, 1)],
    "eq": [*(a == b for a, b in _ALL_PAIRS), x == 0, s == "é", p == True],  # noqa: E712
    "ne": [*(a != b for a, b in _ALL_PAIRS), x != 0],
    "lt": [*(a < b for a, b in _ALL_PAIRS), x < 0, s < "é"],
    "le": [*(a <= b for a, b in _ALL_PAIRS)],
    "gt": [*(a > b for a, b in _ALL_PAIRS), t > datetime(2013, 1, 1)],
    "ge": [*(a >= b for a, b in _ALL_PAIRS), x.between(-1, y)],
    "is_in": [x.is_in([0, 1.5, -3]), s.is_in(["", "a", "é", "😀"]), x.is_in([7])],
    "position_in": [x.position_in([3, 0, -1.5]), s.position_in(["b", "", "a", "😀", "e\u0301"])],
    "and": [p & q, p & True, (x > 0) & (y > 0), p & False],
    "or": [p | q, p | False, (x > 0) | (y > 0), p | True],
    "not": [~p, ~(x > y)],
    "is_null": [a.is_null() for a in (x, p, s, t, x / y)],
    "is_not_null": [a.is_not_null() for a in (x, p, s, t, x.log())],
    "if": [
        *(when(p, a).otherwise(b) for a, b in _ALL_PAIRS),
        when(x > 0, "up").when(x < 0, "down").otherwise(None),
        when(p, s).otherwise("none"),
        when(p, 1).otherwise(0),
        when(p & q, x).otherwise(None),
        when(True, x).otherwise(y),
        when(null(bool), s).otherwise(u),
    ],
    "coalesce": [
        *(coalesce(a, b) for a, b in _ALL_PAIRS),
        coalesce(x / y, y, 0),
        coalesce(s, "none"),
        coalesce(1, x),
        coalesce(None, x, z),
    ],
    "lower": [s.lower()],
    "upper": [s.upper()],
    "trim": [s.trim()],
    "length": [s.length()],
    "slice": [s[:2], s[1:], s[1:3], s[-2:], s[:-1], s[-3:-1], s[5:2], s[0:0], s[-100:100]],
    "contains": [s.contains("a"), s.contains(""), s.contains("é"), s.contains("😀"), s.contains("%_.*")],
    "starts_with": [s.starts_with("a"), s.starts_with(""), s.starts_with("\u0301")],
    "ends_with": [s.ends_with("a"), s.ends_with(""), s.ends_with("\u0301")],
    "concat": [concat(s, u), concat(s, "-", u, s), concat("é", s)],
    "replace": [
        s.replace("a", "bb"),
        s.replace("aa", "a"),
        s.replace("é", ""),
        s.replace("'", '"'),
        s.replace("$1", "\\0"),
    ],
    "hash_bucket": [
        s.hash_bucket(2**31),
        s.hash_bucket(1000, seed=42),
        s.hash_bucket(1),
        s.hash_bucket(7, seed=2**32 - 1),
    ],
    "bool_to_float": [p.to_float(), (x > y).to_float()],
    "float_to_bool": [x.to_bool()],
    "string_to_float": [s.to_float(), s.trim().to_float()],
    "float_to_string": [x.to_string(), (x * 1e18).to_string()],
    "timestamp_to_float": [t.to_float()],
    "float_to_timestamp": [x.to_timestamp(), t.to_float().to_timestamp()],
    "elapsed": [
        t.seconds_since(w),
        t.minutes_since(w),
        t.hours_since(w),
        t.days_since(w),
        t.hours_since(datetime(2013, 1, 1)),
    ],
    "shift": [t + "90m", t - "30d", t + timedelta(microseconds=1), t.plus("100000d"), t.minus("1us")],
    "truncate": [
        *(t.truncate(unit, zone) for unit in ("hour", "day", "month") for zone in ZONES),
        *(t.truncate(unit, zone) for unit in ("week", "year") for zone in ZONES[1:4]),
        *(t.truncate(unit, zone) for unit in ("second", "minute") for zone in ZONES[::6]),
    ],
    **{
        part: [getattr(t, part)(zone) for zone in (ZONES if part in ("hour", "day") else ZONES[:3])]
        for part in ("year", "month", "day", "hour", "minute", "second", "weekday", "day_of_year", "week")
    },
}

FLOATS: tuple[float | None, ...] = (
    None, math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, 3.0, 7.0, -3.0, 10.0, 24.0, 0.1, -0.1, 1e-300, -1e300, 1e300,
    5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.49999999999999994, -0.49999999999999994, 0.9999999999999999, 1.0000000000000002,
    2.0**52 + 0.5, 2.0**52 - 0.5, 2.0**53, 2.0**53 + 2, -(2.0**63), 9.3e18, 9.223372036854775e12, 1e21, 123456789012345680000.0, 1e-7, 0.000001, 709.782712893384,
    709.7827128933841, -745.1332191019412, -745.2, 1 / 3, 2 / 3, 1e16, 123.456, 1372654800.123456,
)  # fmt: skip
STRINGS: tuple[str | None, ...] = (
    None, "", " ", "a", "A", "b", "aa", "aaa", "abc", "ABC xyz", "É", "é", "e\u0301", "\u0301a", "ß", "İ", "ﬁ", "Σς", "😀", "a😀b", "👩\u200d👩\u200d👧", "🇫🇷",
    "\u00a0a\u00a0", "\t\n\v\f\r a \r\n", "\x1fa\x85", "\u2028", "\ufeff", "\x00", "a\x00b", "'", '"', "\\", "\\0$1", "%_.*", "{0}", "𝔘", "\U0010ffff", "\uffff", "x" * 300,
    "1", "1.5", "-0", "+1e5", "1e999", "-1e999", "1e-400", "1_0", "٣", "inf", "nan", "Infinity", "0x10", "1.", ".", ".5", "-.5e-3", "1e", "e1", " 1", "1 ", "--1", "007",
    "9007199254740993", "0.1e1", "1,5", "1\n", "123456789012345678901234567890",
)  # fmt: skip
BOOLS: tuple[bool | None, ...] = (None, True, False)
_FAR = 2**62


def _edges() -> list[int]:
    """Instants around transitions of the zones: the oldest, some of the 2010s, and far into the repeating part."""
    found = []
    for zone in map(load_zone, ZONES):
        starts = [
            start
            for start in zone.starts[1:]
            if zone.starts[1] == start or parse_instant("2010-01-01") <= start < parse_instant("2015-01-01")
        ]
        starts += zone.starts[1:][-3:]
        found += [start + shift for start in starts for shift in (-1, 0, 1)]
    return sorted(set(found))


TIMESTAMPS: tuple[int | None, ...] = (
    None, 0, -1, 1, -(2**63), 2**63 - 1, _FAR, _FAR + 1, -_FAR, -_FAR - 1, 999_999, -1_000_000, 60_000_000, 2**53, 2**53 + 1,
    *(parse_instant(text) for text in (
        "0001-01-01", "1582-10-15", "1600-02-29", "1900-03-01", "1969-12-31T23:59:59.999999", "2000-02-29T12:00:00", "2012-12-31T23:59:59.999999", "2013-01-01",
        "2015-12-31", "2016-01-03", "2016-01-04", "2018-12-31", "2020-12-31T23:30:00", "2021-01-03T23:59:59", "2037-11-01T05:59:59", "2100-02-28T23:00:00", "2400-02-29",
        "3000-07-04T04:00:00", "9999-12-31T23:59:59.999999",
    )),
    *_edges(),
)  # fmt: skip
POOLS: dict[Type, tuple[Any, ...]] = {
    Type.FLOAT: FLOATS,
    Type.STRING: STRINGS,
    Type.BOOL: BOOLS,
    Type.TIMESTAMP: TIMESTAMPS,
}


def columns_in(expr: Expr) -> list[str]:
    from gapless.expr import columns_of

    return sorted(columns_of(expr))


def pool_rows(names: list[str], limit: int) -> list[tuple[Any, ...]]:
    """Combinations of the hard values: all of them, or a fixed choice of `limit` in which every value occurs."""
    pools = [POOLS[COLUMNS[name]] for name in names]
    if len(pools) == 1 and len(pools[0]) > limit:
        rest = pools[0][35:]
        return [(value,) for value in (*pools[0][:35], *rest[:: -(-len(rest) // (limit - 35))])]
    if math.prod(map(len, pools)) <= limit:
        return list(itertools.product(*pools))
    choose = random.Random(len(names))
    longest = max(map(len, pools))
    rows = [
        tuple(pool[(i * (2 * k + 1)) % len(pool)] for k, pool in enumerate(pools)) for i in range(min(longest, limit))
    ]
    rows += [tuple(choose.choice(pool) for pool in pools) for _ in range(limit - len(rows))]
    return rows


def random_value(kind: Type, choose: random.Random) -> Any:
    """A hard value, or a random one of the kind."""
    if choose.random() < 0.35:
        return choose.choice(POOLS[kind])
    return {
        Type.FLOAT: _random_float,
        Type.STRING: _random_string,
        Type.BOOL: _random_bool,
        Type.TIMESTAMP: _random_instant,
    }[kind](choose)


def _random_float(choose: random.Random) -> float:
    kind = choose.randrange(6)
    if kind == 0:
        return struct.unpack("<d", struct.pack("<Q", choose.getrandbits(64)))[0]
    if kind == 1:
        return float(choose.randrange(-40, 40))
    if kind == 2:
        return choose.randrange(-4000, 4000) / 2
    if kind == 3:
        return choose.uniform(-750, 750)
    if kind == 4:
        return 1 + choose.uniform(-1, 1) * 2.0 ** -choose.randrange(53)
    return choose.choice([-1, 1]) * 10 ** choose.uniform(-20, 20)


_ALPHABET = "aAbB zZ019.+-eE'\"\\\té\u0301ßİ😀👧\u200d\u00a0\x00$%_{}"


def _random_string(choose: random.Random) -> str:
    letters = _ALPHABET if choose.random() < 0.6 else "0123456789+-.eE"
    return "".join(choose.choice(letters) for _ in range(choose.randrange(12)))


def _random_bool(choose: random.Random) -> bool:
    return choose.random() < 0.5


def _random_instant(choose: random.Random) -> int:
    if choose.random() < 0.1:
        return choose.randrange(-(2**63), 2**63)
    start = choose.choice(TIMESTAMPS[15:])
    return start + choose.choice([0, 1, -1, 3_600_000_000, -3_600_000_000, choose.randrange(-(10**12), 10**12)])


def random_rows(names: list[str], count: int, seed: int) -> list[tuple[Any, ...]]:
    """Rows in which values of one type are often equal or close."""
    choose = random.Random(seed)
    return [_random_row(names, choose) for _ in range(count)]


def _random_row(names: list[str], choose: random.Random) -> tuple[Any, ...]:
    row: dict[str, Any] = {}
    for name in names:
        twin = next((other for other in row if COLUMNS[other] is COLUMNS[name]), None)
        row[name] = row[twin] if twin and choose.random() < 0.15 else random_value(COLUMNS[name], choose)
    return tuple(row.values())
