"""exp, log, log1p and power against mpmath, and the compiled columns against the interpreter."""

from __future__ import annotations

import itertools
import math
import random
import struct
import sys
from collections.abc import Callable, Iterator

import mpmath as mp
import numpy as np
import pytest

from gapless.expr import column_math, elementary
from gapless.expr.elementary_tables import EXP, LOG
from tests.expr.tables import OUT, source

POINTS = 4_000
BOUND = 0.7
LARGEST = mp.mpf(2) ** 1024 * (1 - mp.mpf(2) ** -54)


def any_float(choose: random.Random) -> float:
    drawn = (struct.unpack("<d", struct.pack("<Q", choose.getrandbits(64)))[0] for _ in itertools.count())
    return next(x for x in drawn if math.isfinite(x) and x != 0.0)


def positive(choose: random.Random) -> float:
    return choose.choice(
        [
            lambda: abs(any_float(choose)),
            lambda: 1 + choose.uniform(-1, 1) * 2.0 ** -choose.randrange(1, 52),
            lambda: choose.uniform(1e-9, 1000),
            lambda: (
                choose.randrange(90, 183)
                / 128
                * 2.0 ** choose.randrange(-2, 3)
                * (1 + choose.choice([-1, 0, 1]) * 2**-52)
            ),
        ]
    )()


def exponent(choose: random.Random) -> float:
    return choose.choice(
        [
            lambda: choose.uniform(-745.2, 709.78),
            lambda: choose.uniform(-1, 1) * 2.0 ** -choose.randrange(60),
            lambda: choose.randrange(-60_000, 60_000) * math.log(2) / 64,
        ]
    )()


def above_minus_one(choose: random.Random) -> float:
    return choose.choice(
        [
            lambda: abs(any_float(choose)),
            lambda: max(choose.uniform(-1, 1) * 2.0 ** -choose.randrange(70), -1 + 2**-53),
            lambda: choose.uniform(-0.9999999, 100),
        ]
    )()


def ulps_off(found: float, true: mp.mpf) -> float:
    """The error in units of the last place of the true value, where BOUND holds; a denormal may be one unit off."""
    nearest = float(true)
    error = float(abs(mp.mpf(found) - true) / mp.mpf(math.ulp(nearest)))
    return error if abs(nearest) >= sys.float_info.min else error * BOUND


def worst(function: Callable[[float], float], truth: Callable[[mp.mpf], mp.mpf], points: Iterator[float]) -> float:
    with mp.workprec(160):
        return max(ulps_off(function(x), true) for x in points if (true := truth(mp.mpf(x))) < LARGEST)


def drawn(make: Callable[[random.Random], float], seed: int) -> Iterator[float]:
    choose = random.Random(seed)
    return (make(choose) for _ in range(POINTS))


def test_log_is_the_nearest_float() -> None:
    assert worst(lambda x: elementary.log(x, LOG), mp.log, drawn(positive, 1)) <= 0.5001


def test_exp_is_within_its_bound() -> None:
    assert worst(lambda x: elementary.exp(x, EXP), mp.exp, drawn(exponent, 2)) < BOUND


def test_log1p_is_within_its_bound() -> None:
    assert worst(lambda x: elementary.log1p(x, LOG), mp.log1p, drawn(above_minus_one, 3)) < BOUND


def test_power_is_within_its_bound() -> None:
    choose = random.Random(4)
    errors = []
    with mp.workprec(200):
        while len(errors) < POINTS:
            x = positive(choose)
            scale = math.log(x) or 1.0
            y = choose.choice([choose.uniform(-745, 709) / scale, choose.uniform(-5, 5), choose.randrange(-40, 40) / 2])
            true = mp.exp(mp.mpf(y) * mp.log(mp.mpf(x))) if math.isfinite(y) else LARGEST
            if true < LARGEST:
                errors.append(ulps_off(elementary.power(x, y, LOG, EXP), true))
    assert max(errors) < BOUND


def test_powers_that_are_floats_come_out_exactly() -> None:
    wrong = [
        (base, n)
        for base in range(-60, 61)
        for n in range(40)
        if abs(base**n) < 2**53 and elementary.power(float(base), float(n), LOG, EXP) != base**n
    ]
    assert wrong == []
    assert [elementary.power(2.0, float(n), LOG, EXP) for n in range(-1074, 1024)] == [
        math.ldexp(1.0, n) for n in range(-1074, 1024)
    ]
    assert [elementary.power(float(n * n), 0.5, LOG, EXP) for n in range(1000)] == [float(n) for n in range(1000)]


@pytest.mark.parametrize("x", [-2.5, -1.0, -0.0, 0.0, 1.0, 2.5])
@pytest.mark.parametrize("y", [-3.0, -0.5, 0.0, 0.5, 2.0, 3.0, 1e300])
def test_special_powers_follow_python_where_it_has_a_float(x: float, y: float) -> None:
    try:
        expected = x**y
    except (ZeroDivisionError, OverflowError):
        expected = math.nan
    found = elementary.power(x, y, LOG, EXP)
    if isinstance(expected, complex) or math.isnan(expected):
        assert not math.isfinite(found)
    else:
        assert found == pytest.approx(expected, rel=3e-16)
        assert math.copysign(1, found) == math.copysign(1, expected)


def test_the_edges_of_the_range() -> None:
    assert elementary.exp(709.782712893384, EXP) == pytest.approx(math.exp(709.782712893384), rel=1e-15)
    assert elementary.exp(709.7827128933841, EXP) == math.inf
    assert elementary.exp(-745.1332191019411, EXP) == 5e-324
    assert elementary.exp(-745.1332191019412, EXP) == 0.0
    assert elementary.log(5e-324, LOG) == math.log(5e-324)
    assert math.copysign(1, elementary.log1p(-0.0, LOG)) == -1
    assert math.isnan(elementary.log(0.0, LOG))
    assert math.isnan(elementary.log1p(-1.0, LOG))


def _bits(values: np.ndarray) -> list[int]:
    return values.view(np.int64).tolist()


@pytest.mark.parametrize("name", ["log", "log1p", "exp"])
def test_compiled_and_interpreted_columns_give_the_same_bits(name: str) -> None:
    make = {"log": positive, "log1p": above_minus_one, "exp": exponent}[name]
    x = np.array([*drawn(make, 5), 0.0, -0.0, -1.0, -2.0, math.nan, math.inf, -math.inf])
    table = column_math.EXP_TABLE if name == "exp" else column_math.LOG_TABLE
    fast, slow = np.empty(x.size), np.empty(x.size)
    column_math.compiled(name)(x, fast, table)
    column_math.interpreted(name)(x, slow, table)
    assert _bits(fast) == _bits(slow)


def test_compiled_and_interpreted_powers_give_the_same_bits() -> None:
    x = np.array([*drawn(positive, 6), *drawn(any_float, 7), math.nan, -8.0])
    y = np.array([*drawn(exponent, 8), *(round(v) for v in drawn(exponent, 9)), 1.0, 1 / 3])
    tables = (column_math.LOG_TABLE, column_math.EXP_TABLE)
    fast, slow = np.empty(x.size), np.empty(x.size)
    column_math.compiled("power")(x, y, fast, *tables)
    column_math.interpreted("power")(x, y, slow, *tables)
    assert _bits(fast) == _bits(slow)


def test_the_tables_are_what_mpmath_computes() -> None:
    assert OUT.read_text() == source()
