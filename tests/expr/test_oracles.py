"""Operations against somebody else's implementation: Python's own, decimal, zoneinfo and datetime, scikit-learn."""

from __future__ import annotations

import math
import random
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import murmurhash3_32

from gapless.expr import Expr, column, compile_row, maximum, minimum
from gapless.expr.text import format_float, murmur3, parse_float
from gapless.expr.zones import load_zone, zone_names
from gapless.schema import Type
from tests.expr.cases import ZONES, p, q, s, t, w, x, y

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INSTANTS = st.integers(-62_000_000_000_000_000, 253_000_000_000_000_000)
TEXTS = st.text(max_size=20)


@cache
def reference(zone: str) -> ZoneInfo:
    """zoneinfo's reading of the same data; a machine's own database differs in old years."""
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file)


def value_of(expr: Expr, **columns: Any) -> Any:
    return compile_row({"out": expr})(columns)["out"]


def finite(compute: Callable[[], float]) -> float | None:
    """What Python says, with its errors and its infinities as null."""
    try:
        found = compute()
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None


@given(FLOATS, FLOATS)
def test_arithmetic_is_python_s_own(a: float, b: float) -> None:
    pairs = [
        (x + y, lambda: a + b),
        (x - y, lambda: a - b),
        (x * y, lambda: a * b),
        (x / y, lambda: a / b),
        (x % y, lambda: a % b),
        (x // y, lambda: a // b),
        (x.sqrt(), lambda: math.sqrt(a)),
    ]
    assert [value_of(e, x=a, y=b) for e, _ in pairs] == [finite(compute) for _, compute in pairs]


@given(FLOATS)
def test_rounding_is_exact(a: float) -> None:
    exact = Fraction(a)
    assert value_of(x.floor(), x=a) == math.floor(exact)
    assert value_of(x.ceil(), x=a) == math.ceil(exact)
    assert value_of(x.round(), x=a) == math.floor(exact + Fraction(1, 2))
    assert all(math.copysign(1, value_of(e, x=-0.0)) == 1 for e in (x.floor(), x.ceil(), x.round()))


@given(FLOATS, FLOATS)
def test_the_least_and_the_greatest_order_zeros_by_sign(a: float, b: float) -> None:
    ordered = sorted([a, b], key=lambda v: (v, math.copysign(1, v)))
    found = [value_of(minimum(x, y), x=a, y=b), value_of(maximum(x, y), x=a, y=b)]
    assert list(map(repr, found)) == list(map(repr, ordered))


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_logic_is_kleene_s(left: bool | None, right: bool | None) -> None:
    order = {False: 0, None: 1, True: 2}  # "and" is the least, "or" the greatest
    assert value_of(p & q, p=left, q=right) is min(left, right, key=lambda v: order[v])
    assert value_of(p | q, p=left, q=right) is max(left, right, key=lambda v: order[v])
    assert value_of(~p, p=left) is (None if left is None else not left)


@given(TEXTS, st.integers(-25, 25), st.none() | st.integers(-25, 25), TEXTS.filter(bool), TEXTS)
def test_strings_are_python_s_own(text: str, start: int, stop: int | None, old: str, new: str) -> None:
    pairs = [
        (s.length(), float(len(text))),
        (s.slice(start, stop), text[start:stop]),
        (s.contains(old), old in text),
        (s.starts_with(old), text.startswith(old)),
        (s.ends_with(old), text.endswith(old)),
        (s.replace(old, new), text.replace(old, new)),
        (s.trim(), text.strip(" \t\n\v\f\r")),
        (s.lower(), "".join(c.lower() if c in string.ascii_uppercase else c for c in text)),
        (s.upper(), "".join(c.upper() if c in string.ascii_lowercase else c for c in text)),
    ]
    assert [value_of(e, s=text) for e, _ in pairs] == [expected for _, expected in pairs]


@given(TEXTS, st.integers(0, 2**32 - 1))
def test_murmur3_is_scikit_learn_s(text: str, seed: int) -> None:
    # scikit-learn's seed is signed in its own signature, and used as unsigned
    assert murmur3(text, seed) == murmurhash3_32(text.encode(), seed=seed, positive=True)


@given(FLOATS)
def test_a_number_as_text_is_laid_out_as_ecmascript_does_and_reads_back(a: float) -> None:
    text = format_float(a)
    assert parse_float(text) == a
    plain = re.fullmatch(r"-?(\d+|0\.\d+|\d+\.\d+)", text)
    scientific = re.fullmatch(r"-?\d(\.\d+)?e[+-]\d+", text)
    assert (plain is not None) == (a == 0 or 1e-6 <= abs(a) < 1e21)
    assert (plain is None) == (scientific is not None)
    with localcontext() as context:
        context.prec = 800
        assert Decimal(text) == Decimal(repr(a))


@pytest.mark.parametrize(
    ("value", "text"),
    {
        # As printed by String(x) in an ECMAScript engine.
        100.0: "100",
        1e20: "100000000000000000000",
        1e21: "1e+21",
        1.5e21: "1.5e+21",
        123456789012345680000.0: "123456789012345680000",
        1e-6: "0.000001",
        1e-7: "1e-7",
        1.25e-7: "1.25e-7",
        -0.00001: "-0.00001",
        5e-324: "5e-324",
        1.7976931348623157e308: "1.7976931348623157e+308",
        0.1 + 0.2: "0.30000000000000004",
    }.items(),
)
def test_known_texts_of_numbers(value: float, text: str) -> None:
    assert format_float(value) == text


@given(INSTANTS, st.sampled_from(ZONES))
def test_calendar_parts_are_datetime_s(us: int, zone: str) -> None:
    local = (EPOCH + timedelta(microseconds=us)).astimezone(reference(zone))
    expected = {
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "hour": local.hour,
        "minute": local.minute,
        "second": local.second,
        "weekday": local.weekday(),
        "day_of_year": local.timetuple().tm_yday,
        "week": local.isocalendar().week,
    }
    found = compile_row({name: getattr(t, name)(zone) for name in expected})({"t": us})
    assert found == {name: float(value) for name, value in expected.items()}


def test_every_zone_is_zoneinfo_s_at_every_kind_of_edge() -> None:
    choose = random.Random(11)
    for name in sorted(zone_names()):
        table, truth = load_zone(name), reference(name)
        edges = choose.sample(table.starts[1:], min(8, len(table.starts) - 1))
        points = [edge + shift for edge in edges for shift in (-1, 0, 1)]
        points += [choose.randrange(-62_000_000_000, 253_000_000_000) * 10**6 for _ in range(6)]
        for us in points:
            expected = (EPOCH + timedelta(microseconds=us)).astimezone(truth).utcoffset()
            assert timedelta(microseconds=table.offset_at(us)) == expected, (name, us)


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from(["day", "week", "month", "year"]))
def test_truncation_finds_the_first_instant_of_the_local_date(us: int, zone: str, unit: str) -> None:
    local = (EPOCH + timedelta(microseconds=us)).astimezone(reference(zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    first = {
        "day": midnight,
        "week": midnight - timedelta(days=midnight.weekday()),
        "month": midnight.replace(day=1),
        "year": midnight.replace(day=1, month=1),
    }[unit]
    found = value_of(t.truncate(unit, zone), t=us)
    there = EPOCH + timedelta(microseconds=found)
    exists = first.astimezone(UTC).astimezone(reference(zone)).replace(tzinfo=None) == first.replace(tzinfo=None)
    if exists:
        assert there == first.astimezone(UTC)
    else:  # midnight is skipped: the found instant ends the gap
        before = (there - timedelta(microseconds=1)).astimezone(reference(zone)).replace(tzinfo=None)
        after = there.astimezone(reference(zone)).replace(tzinfo=None)
        assert before < first.replace(tzinfo=None) < after


@given(INSTANTS, st.sampled_from(ZONES))
def test_truncation_below_a_day_keeps_the_offset(us: int, zone: str) -> None:
    local = (EPOCH + timedelta(microseconds=us)).astimezone(reference(zone))
    offset = local.utcoffset() or timedelta()
    wall = local.replace(tzinfo=None)
    for unit, cut in {
        "hour": {"minute": 0, "second": 0, "microsecond": 0},
        "minute": {"second": 0, "microsecond": 0},
        "second": {"microsecond": 0},
    }.items():
        expected = wall.replace(**cut).replace(tzinfo=UTC) - offset
        assert EPOCH + timedelta(microseconds=value_of(t.truncate(unit, zone), t=us)) == expected


@given(INSTANTS, INSTANTS)
def test_differences_are_exact_microseconds_over_the_unit(a: int, b: int) -> None:
    units = {"seconds": 10**6, "minutes": 60 * 10**6, "hours": 3600 * 10**6, "days": 86400 * 10**6}
    for name, unit in units.items():
        assert value_of(getattr(t, f"{name}_since")(w), t=a, w=b) == float(a - b) / unit


@given(st.text(alphabet="0123456789+-.eE _", max_size=10))
def test_reading_numbers_takes_what_the_grammar_says(text: str) -> None:
    whole = re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text, re.ASCII)
    assert value_of(s.to_float(), s=text) == (finite(lambda: float(text)) if whole else None)


def test_integers_are_exact_to_two_to_the_53() -> None:
    n = column("n", Type.INT)
    assert value_of(n + 1, n=2**53 - 1) == 2**53
    assert value_of(n, n=2**53 + 1) == 2.0**53
