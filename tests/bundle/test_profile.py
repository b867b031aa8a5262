"""A profile holds what training saw, to the bit, and a bundle gives it back or says what is wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gapless.bundle import BundleManifest, CodeVersion, FeatureField, as_json, read_bundle, write_bundle
from gapless.bundle.profile import QUANTILES, Profile, profile_of, read_profile
from gapless.errors import CorruptData

NAMES = ("a", "b", "c")
VALUES = st.floats(width=32, allow_infinity=False)
ROWS = arrays.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(len(NAMES))), elements=VALUES)


def oracle(values):
    """Quantiles by counting: the least value that enough of the rows do not exceed."""
    present = sorted(v for v in values if not math.isnan(v))
    if not present:
        return [math.nan] * len(QUANTILES)
    return [next(v for i, v in enumerate(present, 1) if i >= share * len(present)) for share in QUANTILES]


@given(ROWS)
def test_each_feature_by_a_naive_count(rows):
    profile = profile_of(rows, NAMES, trained_until_us=5)
    for i in range(len(NAMES)):
        np.testing.assert_array_equal(profile.quantiles[i], np.array(oracle(rows[:, i]), np.float32))
        assert profile.missing[i] == np.isnan(rows[:, i]).mean()
    shares = sorted(np.isnan(rows).sum(axis=1) / len(NAMES))
    assert sum(share <= profile.row_missing for share in shares) >= 0.99 * len(rows)
    assert profile.row_missing in shares


@given(ROWS)
def test_it_reads_back_to_the_bit(rows):
    profile = profile_of(rows, NAMES, trained_until_us=-7)
    again = Profile.from_dict(json.loads(as_json(profile.to_dict())))
    assert again.quantiles.tobytes() == profile.quantiles.tobytes()
    assert again.missing.tobytes() == profile.missing.tobytes()
    assert as_json(again.to_dict()) == as_json(profile.to_dict())


def written(folder, files, names=NAMES):
    manifest = BundleManifest(
        model="m",
        kind="regression",
        features=tuple(FeatureField(name) for name in names),
        runtime="python",
        takes_missing=True,
        smallest_batch=1,
        definition_hash="d" * 64,
        features_hash="f" * 64,
        data_hash="a" * 64,
        code=CodeVersion(),
        environment={},
        created_us=1,
    )
    needed = dict.fromkeys(("estimator.pkl", "expressions.json", "golden.json"), b"{}")
    write_bundle(folder, manifest, needed | files)
    return read_bundle(folder)


PROFILE = profile_of(np.arange(12, dtype=np.float32).reshape(4, 3), NAMES, trained_until_us=9)


def test_a_bundle_gives_it_back(tmp_path):
    bundle = written(tmp_path / "b", {"profile.json": as_json(PROFILE.to_dict())})
    found = read_profile(bundle)
    assert (found.names, found.rows, found.trained_until_us) == (NAMES, 4, 9)
    assert found.high.tolist() == [9, 10, 11]


def test_a_bundle_from_before_there_were_profiles(tmp_path):
    assert read_profile(written(tmp_path / "b", {})) is None


BAD = {
    "not an object": [],
    "another format": PROFILE.to_dict() | {"format": 2},
    "a missing part": {key: value for key, value in PROFILE.to_dict().items() if key != "rows"},
    "too few quantiles": PROFILE.to_dict() | {"features": [{"name": "a", "missing": 0, "quantiles": [1.0]}]},
    "no features": PROFILE.to_dict() | {"features": []},
    "other features": PROFILE.to_dict() | {"features": PROFILE.to_dict()["features"][:2]},
}


@pytest.mark.parametrize("name", BAD)
def test_another_document_is_refused(tmp_path, name):
    with pytest.raises(CorruptData, match=r"profile.json of a bundle"):
        read_profile(written(tmp_path / "b", {"profile.json": as_json(BAD[name])}))
