"""The proof finds what is wrong: each translation here is wrong in one way, and is told so."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import gapless as gl
from gapless.adopting.comparing import compare
from gapless.adopting.probes import limits_of, probed
from gapless.adopting.proof import Effort, prove
from gapless.adopting.samples import sample_of
from gapless.adopting.symbols import Symbol
from gapless.schema import Type
from tests.adopting.programs import frame
from tests.adopting.reading import row_of

r = row_of(frame(0))
# Nothing but whole numbers, no nulls and no zeros: such a sample alone would agree with each of them.
TAME = frame(0).assign(a=[float(i % 9 + 1) for i in range(80)], b=[float(i % 7 + 1) for i in range(80)], s="x")


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        (lambda df: df.a > 15, r.a >= 15),  # the limit itself
        (lambda df: df.a > 15, r.a > 15),  # null instead of false
        (lambda df: df.a != 3, (r.a != 3).fill_null(False)),  # a missing value differs from 3
        (lambda df: (df.a / df.b).fillna(0), (r.a / r.b).fill_null(0)),  # ±inf is no missing value
        (lambda df: (df.a / df.b) > 2, (r.a / r.b > 2).fill_null(False)),  # +inf is above 2
        (lambda df: df.a.round(), r.a.round()),  # halves to even
        (lambda df: df.a.clip(0, 20), r.a),
        (lambda df: df.a // 2, (r.a / 2).round()),
        (lambda df: df.a.abs(), r.a),
        (lambda df: np.sqrt(df.a), r.a**0.5 + 1e-9),
        (lambda df: df.s.str.strip(), r.s),
        (lambda df: df.s == "x", r.s.starts_with("x").fill_null(False)),
        (lambda df: df.t.dt.hour, r.t.hour("Europe/Berlin")),
        (lambda df: df.t.dt.day_of_week, r.t.weekday() + 0 * r.n + (r.t.year() < 2012).to_float()),
        (lambda df: df.n % 3, r.n - 3 * (r.n / 3).round()),
        (lambda df: df.p, ~r.p),
    ],
)
def test_a_wrong_translation_is_found(function, wrong):
    def run(rows):
        with np.errstate(all="ignore"):
            return pd.DataFrame({"x": function(rows)})

    proof = prove(run, sample_of(TAME), {"x": Symbol(wrong, "float")}, Effort(4_000, 0, 4))
    found = proof.columns["x"]
    assert found.different > 0
    assert not found.same
    assert found.first_different.startswith("pandas ")


def test_probes_are_seeded_and_hold_what_parts_translations():
    sample = sample_of(TAME)
    limits = limits_of([gl.when(r.a > 15, r.s == "JFK").otherwise(r.b <= 2.5)])
    assert limits == ([2.5, 15.0], ["JFK"])
    one, other = (probed(sample, 2_000, limits, seed=1, nulls=True) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    assert set(one.a.dropna()) >= {15.0, np.nextafter(15.0, 0), np.nextafter(15.0, 99), 0.0, -1.0, 0.5, 2.5, -1e12}
    assert one.a.isna().sum() > 20
    assert {"JFK", "jfk", "JFK ", "", " "} <= set(one.s.dropna())
    assert one.t.isna().any()
    assert list(one.dtypes) == list(TAME.dtypes)
    whole = probed(sample, 500, limits, seed=1, nulls=False)
    assert not whole.isna().any().any()


def test_rows_at_which_the_function_raises_are_counted_and_left_out():
    def strict(rows):
        if rows.a.isna().any() or (rows.a < 0).any():
            from gapless.errors import UserCodeError

            raise UserCodeError("function strict raised ValueError", seen="no such row")
        return pd.DataFrame({"x": rows.a * 2})

    proof = prove(strict, sample_of(TAME), {"x": Symbol(r.a * 2, "float")}, Effort(2_000, 0, 4))
    assert proof.raised > 0
    assert proof.raised + proof.probes == 2_000
    assert proof.error == "function strict raised ValueError: no such row"
    assert proof.columns["x"].same


def one(theirs, ours, kind=Type.FLOAT, max_ulp=4):
    return compare(pd.Series(theirs), pa.array(ours), kind, 0, max_ulp, str)


def test_differences_are_counted_in_units_of_the_last_place():
    x = 1.0
    next_up = np.nextafter(x, 2)
    five_up = x + 5 * np.spacing(x)
    assert one([x], [x]).text == "equal to the bit"
    assert (one([x], [next_up]).rounded, one([x], [next_up]).worst_ulp, one([x], [next_up]).same) == (1, 1, True)
    assert (one([x], [five_up]).different, one([x], [five_up]).worst_ulp) == (1, 5)
    assert one([x], [five_up], max_ulp=5).same
    assert one([5e-324], [-5e-324], max_ulp=2).worst_ulp == 2
    assert one([1.0], [-1.0]).worst_ulp == 0
    assert not one([1.0], [-1.0]).same


def test_what_is_stated_is_counted_apart():
    found = one([np.inf, -np.inf, np.nan, 0.0, -0.0], [None, None, None, 0.0, 0.0])
    assert (found.infinite, found.signed_zeros, found.different) == (2, 1, 0)
    assert found.text == "±inf is null in 2; -0.0 is 0.0 in 1"
    assert one([np.inf], [1e308]).different == 1
    assert one([np.nan], [0.0]).different == 1
    assert one([1.0], [None]).different == 1
    assert one(["1"], [1.0]).different == 1


@pytest.mark.parametrize(
    ("theirs", "ours", "kind", "same"),
    [
        ([True, False], [True, False], Type.BOOL, True),
        ([1, 0], [True, False], Type.BOOL, True),
        ([True, None], [True, False], Type.BOOL, False),
        (["a", None], ["a", None], Type.STRING, True),
        (["a", "b"], ["a", "B"], Type.STRING, False),
        (["a"], [None], Type.STRING, False),
    ],
)
def test_bools_and_texts(theirs, ours, kind, same):
    assert one(theirs, ours, kind).same is same


def test_times_are_compared_as_instants():
    moments = pd.Series(pd.to_datetime(["2013-01-01 05:00", None]))
    ours = pa.array(moments.dt.tz_localize("UTC").dt.as_unit("us"), pa.timestamp("us", "UTC"), from_pandas=True)
    local = moments.dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    assert compare(local, ours, Type.TIMESTAMP, 0, 4, str).same
    assert not compare(local + pd.Timedelta("1us"), ours, Type.TIMESTAMP, 0, 4, str).same
