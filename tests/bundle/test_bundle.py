"""Bundles on disk: whole or not there, checked byte by byte, never unpickled without permission."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import BundleManifest, CodeVersion, FeatureField, as_json, read_bundle, write_bundle
from gapless.bundle.convert import smallest_batch, to_onnx
from gapless.bundle.golden import Golden, choose_rows
from gapless.bundle.opening import open_scorer
from gapless.bundle.pickled import EstimatorScorer, dump
from gapless.errors import CorruptData, DefinitionError, NotFound, SettingsError, StorageError
from gapless.testing.scorer import check_scorer


def manifest(names, *, runtime="onnx", kind="classification", takes_missing=True, batch=1):
    return BundleManifest(
        model="late",
        kind=kind,
        features=tuple(FeatureField(name) for name in names),
        runtime=runtime,
        takes_missing=takes_missing,
        smallest_batch=batch,
        definition_hash="d" * 64,
        features_hash="f" * 64,
        data_hash="a" * 64,
        code=CodeVersion("abc", dirty=True),
        environment={"numpy": "2.4.6"},
        created_us=1_356_998_400_000_000,
    )


def written(target: Path, data, estimator, *, runtime="onnx", kind="classification", takes_missing=True):
    estimator.fit(data.rows, data.label(kind))
    rows = choose_rows(data.rows)
    if runtime == "onnx":
        model = to_onnx(estimator, width=5, kind=kind)
        batch, files = smallest_batch(model), {"model.onnx": model, "certificate.json": as_json({"passed": True})}
        scorer = OnnxRuntime().scorer(model, takes_missing=takes_missing, smallest_batch=batch)
    else:
        batch, files = 2, {"estimator.pkl": dump(estimator)}
        scorer = EstimatorScorer(estimator, kind=kind, width=5, takes_missing=takes_missing)
    golden = Golden(rows, scorer.score(rows)).to_dict()
    files |= {"golden.json": as_json(golden), "expressions.json": as_json({})}
    about = manifest(data.names, runtime=runtime, kind=kind, takes_missing=takes_missing, batch=batch)
    return write_bundle(target, about, files)


@pytest.fixture
def bundle(tmp_path, holed):
    return written(tmp_path / "bundle", holed, HistGradientBoostingClassifier(max_iter=5))


def test_what_is_written_is_read(bundle):
    assert read_bundle(bundle.path) == bundle
    assert len(bundle.hash) == 64


def test_the_same_parts_have_the_same_hash(tmp_path, holed):
    hashes = {
        written(tmp_path / name, holed, HistGradientBoostingClassifier(max_iter=5, random_state=1)).hash
        for name in "ab"
    }
    assert len(hashes) == 1


def test_a_bundle_is_never_overwritten(bundle):
    with pytest.raises(StorageError):
        write_bundle(bundle.path, bundle.manifest, {"model.onnx": b""})
    assert read_bundle(bundle.path) == bundle
    assert [one.name for one in bundle.path.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["model.onnx", "expressions.json", "golden.json", "certificate.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_any_changed_file_is_named(bundle, name, damage):
    path = bundle.path / name
    data = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data) if damage == "flip" else bytes(data[:-1]))
    with pytest.raises(CorruptData, match=name.replace(".", r"\.")):
        read_bundle(bundle.path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"files": {"../../secret": "0" * 64}},
        {"files": {}},
        {"runtime": "shell"},
        {"features": [{"wrong": 1}]},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_strange_manifest_is_refused(bundle, change):
    path = bundle.path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CorruptData, match=r"manifest\.json"):
        read_bundle(bundle.path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\udcff"])
def test_a_manifest_that_is_no_json_is_refused(bundle, text):
    (bundle.path / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CorruptData, match=r"manifest\.json"):
        read_bundle(bundle.path)


def test_no_bundle_there(tmp_path):
    with pytest.raises(NotFound):
        read_bundle(tmp_path)


CRASH = """
import os, sys
from pathlib import Path
from gapless.bundle import folder
folder.os.rename = lambda *paths: os.kill(os.getpid(), 9)
folder.write_folder(Path(sys.argv[1]), {"a": b"1", "b/c": b"2"})
"""


def test_killed_before_the_end_nothing_is_there(tmp_path):
    target = tmp_path / "bundle"
    ended = subprocess.run(
        [sys.executable, "-c", CRASH, str(target)], check=False, env={**os.environ, "PYTHONPATH": "src"}
    )
    assert ended.returncode == -9
    assert not target.exists()
    assert all(one.name.startswith(".bundle.") for one in tmp_path.iterdir())


@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_golden_vectors_keep_every_bit(rows):
    values = np.array(rows, np.float32)
    kept = Golden.from_dict(json.loads(as_json(Golden(values, _scores(values)).to_dict())))
    assert kept.rows.tobytes() == values.tobytes()
    assert kept.expected.main.tobytes() == values[:, 0].tobytes()


def _scores(values):
    from gapless.ports.scorer import Scores

    return Scores(values[:, 1], values[:, 0])


CASES = [
    (HistGradientBoostingClassifier(max_iter=20), "classification", True),
    (HistGradientBoostingRegressor(max_iter=20), "regression", True),
    (LogisticRegression(max_iter=5000), "classification", False),
]


@pytest.mark.parametrize("runtime", ["onnx", "python"])
@pytest.mark.parametrize(("estimator", "kind", "takes_missing"), CASES, ids=["boosting", "regression", "linear"])
def test_scorers_keep_the_contract(estimator, kind, takes_missing, runtime, tmp_path, whole, holed):
    data = holed if takes_missing else whole
    bundle = written(tmp_path / "b", data, estimator, runtime=runtime, kind=kind, takes_missing=takes_missing)

    def factory():
        return open_scorer(read_bundle(bundle.path), OnnxRuntime(), allow_pickle=True)

    check_scorer(factory, holed.rows[:60])
    answers = factory().score(holed.rows).main
    missing = np.isnan(holed.rows).any(axis=1)
    assert np.array_equal(np.isnan(answers), missing & (not takes_missing))


def test_other_answers_than_the_golden_ones_are_refused(bundle):
    golden = Golden.from_dict(bundle.document("golden"))
    changed = golden.to_dict()
    changed["outputs"]["probability"] = changed["outputs"]["probability"][8:] + "00000000"
    files = {name: bundle.read(name) for name in bundle.manifest.files} | {"golden.json": as_json(changed)}
    other = write_bundle(bundle.path.parent / "other", bundle.manifest, files)
    with pytest.raises(CorruptData, match="golden answers"):
        open_scorer(other, OnnxRuntime())


def test_bytes_that_are_no_model_are_refused(bundle):
    files = {name: bundle.read(name) for name in bundle.manifest.files} | {"model.onnx": b"not a model"}
    other = write_bundle(bundle.path.parent / "other", bundle.manifest, files)
    with pytest.raises(CorruptData, match="onnxruntime"):
        open_scorer(other, OnnxRuntime())


class Bomb:
    """Its pickle leaves a trace when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled_without_permission(tmp_path, holed):
    good = written(tmp_path / "good", holed, HistGradientBoostingClassifier(max_iter=2), runtime="python")
    files = {name: good.read(name) for name in good.manifest.files}
    files["estimator.pkl"] = pickle.dumps(Bomb(tmp_path / "trace"))
    bad = write_bundle(tmp_path / "bad", good.manifest, files)
    with pytest.raises(SettingsError, match="allow-pickle"):
        open_scorer(read_bundle(bad.path), OnnxRuntime())
    assert not (tmp_path / "trace").exists()


def test_what_cannot_be_pickled_names_the_reason():
    with pytest.raises(DefinitionError, match="lambda"):
        dump(lambda: None)


def test_importing_bundles_loads_nothing_heavy():
    code = "import sys, gapless.bundle; print([m for m in ('numpy', 'sklearn', 'onnx', 'pyarrow') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "src"},
    )
    assert found.stdout == "[]\n"
