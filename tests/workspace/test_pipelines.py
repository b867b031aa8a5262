"""A pipeline that chooses columns by name, from training to the answers of its bundle."""

import json

import numpy as np
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.opening import open_scorer
from gapless.features import float32_matrix
from gapless.workspace import Workspace
from gapless.workspace.versions import fetch_bundle
from tests.cli.shop import PRODUCT, ingest_all, make_shop

LINEAR = """
def estimator():
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
    columns = ColumnTransformer([
        ("codes", OneHotEncoder(handle_unknown="ignore"), ["basket__over"]),
        ("bins", make_pipeline(SimpleImputer(), KBinsDiscretizer(6, quantile_method="averaged_inverted_cdf")),
         ["basket__amount"]),
        ("sizes", make_pipeline(SimpleImputer(), StandardScaler()), ["spend__usual_7d", "spend__n_7d", "spend__n_1d"]),
    ])
    return make_pipeline(columns, LogisticRegression())
"""
TREES = """
def estimator():
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    columns = ColumnTransformer([("sizes", StandardScaler(), ["spend__usual_7d", "basket__amount"])],
                                remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=10, random_state=0))
"""


def product(estimator):
    start, end = PRODUCT.index("def estimator():"), PRODUCT.index("product = ")
    return PRODUCT[:start] + estimator.strip() + "\n\n" + PRODUCT[end:]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    return folder


@pytest.mark.parametrize("estimator", [LINEAR, TREES], ids=["linear", "trees"])
def test_fitted_on_the_training_rows_certified_and_answered(ingested, tmp_path, estimator):
    (ingested / "product.py").write_text(product(estimator))
    workspace = Workspace.open(ingested)
    report = workspace.train("will_return")
    assert report.certificate["passed"]
    assert report.certificate["steps"]
    bundle = fetch_bundle(workspace, workspace.tracker.version("will_return", report.version))
    assert "estimator.pkl" not in bundle.manifest.files
    workspace.predict("will_return", tmp_path / "answers", version=report.version, from_us=0)
    answered = DeltaStore(tmp_path).read("answers").read_all()
    model = workspace.product.model("will_return")
    table = workspace.training_set("will_return").table
    scores = open_scorer(bundle, OnnxRuntime()).score(float32_matrix(table, model.vector))
    by_id = dict(zip(table["checkout_id"].to_pylist(), scores.probability.tolist(), strict=True))
    told = dict(zip(answered["request_id"].to_pylist(), answered["probability"].to_pylist(), strict=True))
    assert told == by_id
    assert np.isfinite(list(told.values())).all()
    assert json.loads((bundle.path / "certificate.json").read_text())["steps"] == list(report.certificate["steps"])
