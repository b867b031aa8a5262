"""Counts against plain Python over the same values, and the laws that let them be cut and merged anyhow."""

from __future__ import annotations

import json
import math
import statistics
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.monitoring import CategoryCounts, InstantCounts, NumberCounts

floats = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-300, 300).map(float)
numbers = st.lists(floats | st.none() | st.just(math.nan) | st.just(-math.inf), max_size=60)


def _numbers(values: list[float | None]) -> NumberCounts:
    return NumberCounts.of(pa.array(values, pa.float64(), from_pandas=False))


@given(numbers)
def test_numbers_are_those_of_plain_python(values):
    counts, there = _numbers(values), sorted(v for v in values if v is not None and math.isfinite(v))
    assert (counts.rows, counts.missing) == (len(values), len(values) - len(there))
    assert sum(counts.bins.values()) == len(there)
    if not there:
        assert (counts.least, counts.largest, counts.mean, counts.quantile(0.5)) == (None,) * 4
        return
    assert (counts.least, counts.largest) == (there[0], there[-1])
    exact = sum(map(Fraction, there))
    assert Fraction(counts.total, 2**1074) == exact
    assert Fraction(counts.squares, 2**2148) == sum(Fraction(v) ** 2 for v in there)
    if len(there) > 1 and counts.std is not None:
        assert counts.std == pytest.approx(float(statistics.stdev(map(Fraction, there))), rel=1e-12)


@given(st.lists(floats, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_within_its_bin(values, share):
    ordered = sorted(values)
    exact = ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
    found = _numbers(values).quantile(share)
    assert found is not None
    assert abs(found) <= abs(exact) or found == ordered[0], "nearer to zero, unless that is below the least"
    if exact == int(exact) and abs(exact) < 256:
        assert found == exact
    elif abs(exact) > 1e-300:
        assert abs(found - exact) <= abs(exact) / 128


@given(st.lists(st.lists(floats | st.none(), max_size=20), max_size=5), st.randoms())
def test_numbers_cut_and_merged_in_any_order_are_the_same(parts, chance):
    whole = _numbers([value for part in parts for value in part])
    counted = [_numbers(part) for part in parts]
    chance.shuffle(counted)
    merged = NumberCounts()
    for one in counted:
        merged = merged.merge(NumberCounts.from_dict(json.loads(json.dumps(one.to_dict(), allow_nan=False))))
    assert merged == whole


class Few(CategoryCounts):
    """Keeps eight values."""

    most = 8


@given(st.lists(st.lists(st.text("abcd", max_size=3) | st.none(), max_size=40), max_size=5), st.randoms())
def test_categories_cut_and_merged_in_any_order_are_the_same_also_beyond_what_is_kept(parts, chance):
    values = [value for part in parts for value in part]
    whole = Few.of(pa.array(values, pa.string()))
    counted = [Few.of(pa.array(part, pa.string())) for part in parts]
    chance.shuffle(counted)
    merged = Few()
    for one in counted:
        merged = merged.merge(Few.from_dict(json.loads(json.dumps(one.to_dict()))))
    assert merged == whole
    there = [value for value in values if value is not None]
    assert whole.missing == len(values) - len(there)
    assert all(count == there.count(value) for value, count in whole.counts.items())
    assert whole.others == len(there) - sum(whole.counts.values())
    assert len(whole.counts) == min(len(set(there)), Few.most)


def test_distinct_values_beyond_what_is_kept_are_estimated():
    many = [f"value {i}" for i in range(50_000)]
    counts = CategoryCounts.of(pa.array(many * 2))
    assert counts.others == 2 * (50_000 - CategoryCounts.most)
    assert counts.distinct == pytest.approx(50_000, rel=0.1)
    assert not counts.summary()["exact"]


def test_long_texts_are_counted_by_their_beginning_and_a_hash():
    long = ["x" * 5_000 + end for end in ("a", "b", "a")]
    counts = CategoryCounts.of(pa.array([*long, None, "short", "y" * 100]))
    assert sorted(counts.counts.values()) == [1, 1, 1, 2]
    assert max(map(len, counts.counts)) == 100
    assert {"short", "y" * 100} < set(counts.counts)
    assert counts.missing == 1


def test_flags_are_categories():
    counts = CategoryCounts.of(pa.array([True, None, False, True]))
    assert counts.summary() == {"distinct": 2, "exact": True, "top": [["true", 2], ["false", 1]]}
    assert counts.missing == 1


@given(st.lists(st.lists(st.integers(-(2**62), 2**62) | st.none(), max_size=9), max_size=4))
def test_instants(parts):
    values = [value for part in parts for value in part]
    merged = InstantCounts()
    for part in parts:
        merged = merged.merge(InstantCounts.of(pa.array(part, pa.timestamp("us", "UTC"))))
    there = [value for value in values if value is not None]
    assert (merged.rows, merged.missing) == (len(values), len(values) - len(there))
    assert (merged.first_us, merged.last_us) == ((min(there), max(there)) if there else (None, None))


def test_whole_numbers_up_to_255_have_bins_of_their_own():
    counts = _numbers([float(n) for n in range(-255, 256)])
    assert len(counts.bins) == 511
    assert [counts.quantile((n + 256) / 511) for n in range(-255, 256)] == list(map(float, range(-255, 256)))


def test_numbers_of_other_types_are_read_as_floats():
    assert NumberCounts.of(pa.array([3, None, 4], pa.int64())).mean == 3.5
    assert NumberCounts.of(pa.array(np.array([0.5, np.nan], np.float32))).missing == 1
