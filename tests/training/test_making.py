"""A bundle is made whole and certified, or not at all; what it holds is enough to score and to say what was scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import CodeVersion, as_json, feature_set, read_bundle, write_bundle
from gapless.bundle.opening import open_scorer
from gapless.bundle.profile import profile_of
from gapless.errors import CertificateFailed, CorruptData, DefinitionError
from gapless.expr import from_json
from gapless.testing import check_scorer
from gapless.training.fit import fit
from gapless.training.making import make_bundle
from tests.features.world import MODEL

RNG = np.random.default_rng(3)
WIDTH = len(MODEL.vector)
ROWS = RNG.normal(size=(500, WIDTH)).astype(np.float32)
AMOUNT = ROWS[:, 0] * 2 + ROWS[:, 1] ** 2 + RNG.normal(size=500)
HOLED = np.where(RNG.random(ROWS.shape) < 0.1, np.float32(np.nan), ROWS)


def made(folder, estimator, *, rows=ROWS, runtime="onnx", kind="classification"):
    model = replace(MODEL, estimator=lambda: estimator, runtime=runtime)
    label = AMOUNT > 1 if kind == "classification" else AMOUNT
    fitted = fit(model.estimator, rows[:400], label[:400], kind=kind)
    return make_bundle(
        folder,
        model,
        fitted,
        rows[400:],
        profile=profile_of(rows[:400], model.vector, trained_until_us=1),
        runtime=OnnxRuntime(),
        data_hash="a" * 64,
        code=CodeVersion("abc", dirty=False),
        environment={"numpy": np.__version__},
        created_us=1,
    )


CASES = [
    (HistGradientBoostingClassifier(max_iter=10), HOLED, "classification"),
    (HistGradientBoostingRegressor(max_iter=10), HOLED, "regression"),
    (make_pipeline(StandardScaler(), LogisticRegression()), ROWS, "classification"),
]


@pytest.mark.parametrize("runtime", ["onnx", "python"])
@pytest.mark.parametrize(("estimator", "rows", "kind"), CASES, ids=["boosting", "regression", "linear"])
def test_what_is_made_opens_and_scores(estimator, rows, kind, runtime, tmp_path):
    result = made(tmp_path / "b", estimator, rows=rows, runtime=runtime, kind=kind)
    bundle = read_bundle(tmp_path / "b")
    assert bundle == result.bundle
    assert bundle.manifest.names == MODEL.vector
    assert (result.certificate is None) == (runtime == "python")
    scorer = open_scorer(bundle, OnnxRuntime(), allow_pickle=True)
    assert scorer.score(rows[400:]).main.tobytes() == result.scorer.score(rows[400:]).main.tobytes()
    check_scorer(lambda: open_scorer(bundle, OnnxRuntime(), allow_pickle=True), HOLED[:40])


def test_the_two_runtimes_answer_alike(tmp_path):
    estimator = HistGradientBoostingClassifier(max_iter=10, random_state=0)
    scorers = [made(tmp_path / name, estimator, rows=HOLED, runtime=name).scorer for name in ("onnx", "python")]
    one, other = (scorer.score(HOLED).main for scorer in scorers)
    assert np.abs(one - other).max() < 1e-5


def test_the_same_parts_make_the_same_bundle(tmp_path):
    hashes = {made(tmp_path / name, RandomForestClassifier(5)).bundle.hash for name in ("one", "two")}
    assert len(hashes) == 1


def test_its_files_are_a_runs_artifacts(tmp_path):
    result = made(tmp_path / "b", HistGradientBoostingClassifier(max_iter=2))
    files = result.files()
    names = {"model.onnx", "certificate.json", "golden.json", "expressions.json", "manifest.json", "profile.json"}
    assert files.keys() == {f"bundle/{name}" for name in names}
    for name, data in files.items():
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert read_bundle(tmp_path / "copy" / "bundle").hash == result.bundle.hash


def test_expressions_are_kept_as_trees(tmp_path):
    kept = made(tmp_path / "b", HistGradientBoostingClassifier(max_iter=2)).bundle.document("expressions")
    trees = {name: from_json(tree) for name, tree in kept["on_demand"].items()}
    assert trees.keys() == MODEL.on_demand_expressions.keys()
    assert kept["features"]["views"].keys() == {"stats"}


def test_a_model_that_differs_leaves_nothing_behind(tmp_path):
    with pytest.raises(CertificateFailed, match='runtime="python"'):
        made(tmp_path / "b", make_pipeline(PCA(3), RandomForestClassifier(20, random_state=0)))
    assert list(tmp_path.iterdir()) == []


def test_the_way_out_works(tmp_path):
    estimator = make_pipeline(SplineTransformer(), LogisticRegression(max_iter=5000))
    with pytest.raises(DefinitionError, match='runtime="python"'):
        made(tmp_path / "b", estimator)
    assert not made(tmp_path / "b", estimator, runtime="python").bundle.manifest.takes_missing


def test_the_bundle_holds_the_whole_definition(tmp_path):
    made(tmp_path / "b", LogisticRegression())
    bundle = read_bundle(tmp_path / "b")
    assert feature_set(bundle).to_document() == MODEL.feature_set.to_document()


def test_a_bundle_without_the_definition_says_to_train_again(tmp_path):
    made(tmp_path / "b", LogisticRegression())
    bundle = read_bundle(tmp_path / "b")
    files = {name: bundle.read(name) for name in bundle.manifest.files}
    older = as_json({"features": {}, "on_demand": {}})
    write_bundle(tmp_path / "older", bundle.manifest, files | {"expressions.json": older})
    with pytest.raises(CorruptData, match="train again: gapless train m"):
        feature_set(read_bundle(tmp_path / "older"))
