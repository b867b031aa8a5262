"""Profiles: slices by the clock of UTC, the same however rows came."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import InputError
from gapless.monitoring import NumberCounts, Profiles
from gapless.schema import Type

COLUMNS = {"n": Type.FLOAT, "s": Type.STRING, "b": Type.BOOL}
rows = st.tuples(
    st.integers(-50, 50), st.floats(-9, 9) | st.none(), st.sampled_from(["x", "y", None]), st.booleans() | st.none()
)


def _profiles(part, every):
    profiles = Profiles(COLUMNS, every_us=every)
    columns = {"n": pa.float64(), "s": pa.string(), "b": pa.bool_()}
    arrays = [pa.array([row[i + 1] for row in part], kind) for i, kind in enumerate(columns.values())]
    profiles.add(pa.RecordBatch.from_arrays(arrays, list(columns)), np.array([row[0] for row in part], np.int64))
    return profiles


def _plain(profiles):
    return [one.to_dict() for one in profiles]


@given(st.lists(st.lists(rows, max_size=12), max_size=4), st.sampled_from([None, 1, 7, 30]))
def test_any_cut_gives_the_same(parts, every):
    whole = _profiles([row for part in parts for row in part], every)
    merged = Profiles(COLUMNS, every_us=every)
    for part in reversed(parts):
        for piece in _profiles(part, every).pieces(most_bytes=200):
            merged.merge(Profiles.from_bytes(piece))
    assert _plain(merged) == _plain(whole)
    assert _plain(Profiles.from_dict(json.loads(json.dumps(whole.to_dict(), allow_nan=False)))) == _plain(whole)


def test_slices_begin_at_multiples_also_before_1970():
    profiles = _profiles([(-1, 1.0, "x", True), (0, 2.0, "x", True), (9, 3.0, None, None)], 10)
    assert [(one.column, one.slice_us, one.counts.rows) for one in profiles][:2] == [("n", -10, 1), ("n", 0, 2)]
    assert [one.column for one in profiles] == ["n", "n", "s", "s", "b", "b"]


def test_too_many_profiles_are_refused_however_small_they_are():
    one = {"column": "t", "counts": {"rows": 0, "missing": 0, "first_us": None, "last_us": None}}
    document = {"columns": {"t": "timestamp"}, "every_us": 1}
    slices = [one | {"slice_us": us} for us in range(200_001)]
    assert len(Profiles.from_dict(document | {"profiles": slices[:-1]})) == 200_000
    with pytest.raises(InputError, match="too many slices"):
        Profiles.from_dict(document | {"profiles": slices})


def test_pieces_are_cut_by_bytes():
    whole = _profiles([(i, float(i), "x", True) for i in range(40)], 1)
    pieces = list(whole.pieces(most_bytes=1_000))
    assert len(pieces) > 10
    assert max(map(len, pieces)) < 2_000


@pytest.mark.parametrize("other", [Profiles({"n": Type.FLOAT}), Profiles({"m": Type.FLOAT}, every_us=10)])
def test_what_does_not_fit_is_not_added(other):
    profiles = Profiles({"n": Type.FLOAT}, every_us=10)
    with pytest.raises(InputError, match="cannot be added"):
        profiles.merge(other)


@pytest.mark.parametrize("every", [0, -5])
def test_slices_have_a_length(every):
    with pytest.raises(InputError, match="no length"):
        Profiles({"n": Type.FLOAT}, every_us=every)


def test_some_columns_alone():
    part = _profiles([(0, 1.0, "x", True)], None).only({"n": Type.FLOAT})
    (one,) = part
    assert one.counts == NumberCounts.of(pa.array([1.0]))


def test_too_many_slices_are_refused():
    profiles = Profiles({"n": Type.FLOAT}, every_us=1, most=10)
    profiles.add(pa.record_batch({"n": [1.0] * 5}), np.arange(5))  # of two bins each: how many rows, and the one
    profiles.add(pa.record_batch({"n": [1.0] * 5}), np.arange(5))
    with pytest.raises(InputError, match="too many slices"):
        profiles.add(pa.record_batch({"n": [1.0]}), np.array([5]))
