"""Sums and variances have no error but the last rounding, whatever comes in and in whatever order."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.windows import Events, Input, Queries, Spec, Window, aggregate
from gapless.windows.batch import Ints
from gapless.windows.naive import naive
from tests.windows.histories import same_bits

FOREVER = Window(None, 0)
MOMENTS = ["sum", "mean", "var", "std"]


def adversarial(rng: random.Random) -> list[float]:
    """Magnitudes that swallow one another, cancellation, denormals, halves of a last place."""
    kind = rng.randrange(6)
    if kind == 0:
        values = [rng.choice([-1, 1]) * rng.random() * 10.0 ** rng.randint(-300, 300) for _ in range(rng.randrange(20))]
    elif kind == 1:
        values = [rng.choice([1e16, -1e16, 1.0, 0.5, -1.0]) for _ in range(rng.randrange(30))]
    elif kind == 2:
        values = [rng.choice([5e-324, -5e-324, 2.2e-308, 1e-320]) for _ in range(rng.randrange(20))]
    elif kind == 3:
        values = [1.0, 2.0**-53, rng.choice([0.0, 2.0**-105, -(2.0**-105), 5e-324])]
    elif kind == 4:
        values = [rng.uniform(-1, 1) * 2.0 ** rng.randint(0, 60) for _ in range(rng.randrange(20))]
        values += [-value for value in values[1:]]
    else:
        values = [rng.choice([1.7e308, -1.7e308, 9e307, 1e292]) for _ in range(rng.randrange(8))]
    rng.shuffle(values)
    return values


def one_key_each(lists: Sequence[Sequence[float]]) -> tuple[Events, Queries]:
    """A list is the history of a key, and every key is asked about all of it."""
    key = np.repeat(np.arange(len(lists)), [len(values) for values in lists]).astype(np.int64)
    time = np.concatenate([np.arange(len(values)) for values in lists]).astype(np.int64)
    values = np.array([value for values in lists for value in values], np.float64)
    events = Events(key, time, time + 1, (Input(values, np.ones(len(values), np.bool_)),))
    return events, Queries(np.arange(len(lists)), np.full(len(lists), 10_000))


@pytest.mark.parametrize("kernel", ["numba", "numpy"])
def test_sums_equal_fsum_on_twenty_thousand_adversarial_lists(kernel: str) -> None:
    rng = random.Random(5)
    lists = [adversarial(rng) for _ in range(20_000)]
    [(total,)] = aggregate(*one_key_each(lists), [Spec("sum", 0, FOREVER)], kernel=kernel)
    for values, value, valid in zip(lists, total.values.tolist(), total.valid.tolist(), strict=True):
        assert repr((value if valid else None,)) == repr(naive("sum", values))


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=10))
def test_variance_is_the_exact_numerator_rounded_once(values: list[float]) -> None:
    specs = [Spec(function, 0, FOREVER) for function in MOMENTS]
    events, queries = one_key_each([values])
    results = aggregate(events, queries, specs)
    assert same_bits(results, aggregate(events, queries, specs, kernel="naive"))


def test_the_variance_of_offset_values_keeps_its_digits() -> None:
    """The textbook formula in floats gives 0 here, or worse, below 0."""
    events, queries = one_key_each([[1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16], [1e-170, 3e-170], [1e200, 1e200]])
    [(variance,)] = aggregate(events, queries, [Spec("var", 0, FOREVER)])
    assert variance.values.tolist() == [30.0, 0.0, 0.0]
    assert variance.valid.all()


def test_a_sum_or_numerator_beyond_the_largest_float_is_null() -> None:
    events, queries = one_key_each([[1.7e308, 1.7e308], [1.7e308, 1.7e308, -1.7e308], [1e154, 2e154, 3e154]])
    total, variance = aggregate(events, queries, [Spec("sum", 0, FOREVER), Spec("var", 0, FOREVER)])
    assert total[0].valid.tolist() == [False, True, True]
    assert total[0].values.tolist()[1] == 1.7e308
    assert variance[0].valid.tolist() == [True, False, False]  # two equal values: 0, however large


def sliding(values: Sequence[float], rng: random.Random) -> tuple[Events, Queries]:
    """One key; windows of some width make every value come and go."""
    time = np.sort(np.array([rng.randrange(500) for _ in values], np.int64))
    late = np.array([rng.choice([1, 1, 1, 40]) for _ in values], np.int64)
    each = Input(np.array(values, np.float64), np.array([rng.random() < 0.9 for _ in values], np.bool_))
    at = np.sort(np.array([rng.randrange(600) for _ in range(150)], np.int64))
    return Events(np.zeros(len(values), np.int64), time, time + late, (each,)), Queries(np.zeros(150, np.int64), at)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_left_behind_after_any_number_of_adds_and_removals(seed: int) -> None:
    rng = random.Random(seed)
    values = [value for _ in range(40) for value in adversarial(rng)]
    specs = [Spec(function, 0, Window(width, 0)) for function in MOMENTS for width in (5, 60)]
    events, queries = sliding(values, rng)
    assert same_bits(aggregate(events, queries, specs), aggregate(events, queries, specs, kernel="naive"))


def small_integers(rng: random.Random, bits: int, exponent: int, count: int) -> list[float]:
    return [math.ldexp(rng.randrange(-(2**bits) + 1, 2**bits), exponent) for _ in range(count)]


@pytest.mark.parametrize("bits", [1, 11, 22, 23, 25, 30, 52, 53])
@pytest.mark.parametrize("exponent", [0, -2, -449, -451, 420, -899, -1074, 850])
def test_the_integer_path_gives_the_bits_of_the_limb_path(bits: int, exponent: int) -> None:
    """A second column with one value too many to fit takes the limbs: all rows of the other keys must agree."""
    rng = random.Random(bits * 10_000 + exponent)
    events, queries = one_key_each([small_integers(rng, bits, exponent, rng.choice([2, 3, 500])) for _ in range(20)])
    values = events.inputs[0].values
    with_spoiler = Events(
        np.append(events.key, [20, 20]),
        np.append(events.event_time, [0, 1]),
        np.append(events.visible_from, [1, 2]),
        (Input(np.append(values, [1e308, 1e-308]), np.ones(len(values) + 2, np.bool_)),),
    )
    for specs in ([Spec("sum", 0, FOREVER), Spec("mean", 0, FOREVER)], [Spec(each, 0, FOREVER) for each in MOMENTS]):
        alone = aggregate(events, queries, specs)
        assert same_bits(alone, aggregate(with_spoiler, queries, specs))
        assert same_bits(alone, aggregate(events, queries, specs, kernel="numpy"))


def test_integers_at_the_limit_of_int64_are_exact() -> None:
    """Sums that reach 2^61 and numerators that reach 2^60 in units of the scale, and those that must take the limbs."""
    top = 2.0**52 - 1
    lists = [[top] * 511, [-top] * 511, [top, 1.0, -top] * 100, [2.0**20 - 1, 1.0] * 200]
    lists += [[2 * top + 1] * 2047, [2.0**24 - 1, 1 - 2.0**24] * 255, [2.0**22 - 1, 1 - 2.0**22] * 255]
    for values in lists:
        events, queries = one_key_each([values])
        specs = [Spec(function, 0, FOREVER) for function in MOMENTS]
        for chosen in (specs[:2], specs):
            naive_bits = aggregate(events, queries, chosen, kernel="naive")
            assert same_bits(aggregate(events, queries, chosen), naive_bits)


def test_sums_do_not_depend_on_the_order_of_events() -> None:
    rng = random.Random(3)
    lists = [adversarial(rng) for _ in range(500)]
    shuffled = [rng.sample(values, len(values)) for values in lists]
    specs = [Spec(function, 0, FOREVER) for function in MOMENTS]
    assert same_bits(aggregate(*one_key_each(lists), specs), aggregate(*one_key_each(shuffled), specs))


def test_a_sum_of_zeros_is_positive_zero() -> None:
    events, queries = one_key_each([[-0.0, -0.0], [5e-324, -5e-324], [1e300, -1e300]])
    for kernel in ("numba", "numpy", "naive"):
        [(total,)] = aggregate(events, queries, [Spec("sum", 0, FOREVER)], kernel=kernel)
        bits: Ints = total.values.view(np.int64)
        assert bits.tolist() == [0, 0, 0]


def test_what_rounds_up_to_infinity_is_null() -> None:
    """Half a last place above the largest float rounds to even, which is infinity; less than half does not."""
    largest = 1.7976931348623157e308
    events, queries = one_key_each([[largest, 2.0**970], [largest, 2.0**970, -5e-324], [-largest, -(2.0**970)]])
    for kernel in ("numba", "numpy", "naive"):
        [(total,)] = aggregate(events, queries, [Spec("sum", 0, FOREVER)], kernel=kernel)
        assert total.valid.tolist() == [False, True, False]
        assert total.values.tolist() == [0.0, largest, 0.0]
