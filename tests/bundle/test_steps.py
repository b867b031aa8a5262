"""Fitted transformers as part of the model: exact behind trees, certified around every edge, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.certificate import certify
from gapless.bundle.convert import parse, to_onnx
from gapless.bundle.pickled import answer
from gapless.bundle.steps import critical_values, front_of, named_steps
from gapless.errors import CertificateFailed, DefinitionError

EDGE = "around an edge of a step"


def bins(encode="onehot", n=5):
    return KBinsDiscretizer(n, encode=encode, quantile_method="averaged_inverted_cdf")


def linear():
    return LogisticRegression(max_iter=5_000)


def boosting():
    return HistGradientBoostingClassifier(max_iter=15)


def certified(estimator, data, *, model=None):
    """(graph, certificate) of an estimator that learned the first 600 rows."""
    kind = "classification" if hasattr(estimator, "predict_proba") else "regression"
    if model is None:
        estimator.fit(data.rows[:600], data.label(kind)[:600])
        model = to_onnx(estimator, width=5, kind=kind)
    found = certify(
        model,
        kind=kind,
        reference=answer(estimator, kind),
        runtime=OnnxRuntime(),
        held_out=data.rows[600:],
        names=data.names,
        steps=named_steps(estimator),
        critical=critical_values(estimator, 5),
    )
    return model, found


BEHIND = {
    "scaler, boosting": lambda: make_pipeline(StandardScaler(), boosting()),
    "scaler, boosting of numbers": lambda: make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=15)),
    "scaler, forest": lambda: make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    "min-max, extra trees": lambda: make_pipeline(MinMaxScaler(), ExtraTreesRegressor(5, random_state=0)),
    "two scalers, gradient boosting": lambda: make_pipeline(
        RobustScaler(), MaxAbsScaler(), GradientBoostingClassifier(n_estimators=10, random_state=0)
    ),
    "bins, tree": lambda: make_pipeline(bins("ordinal", 8), DecisionTreeRegressor(max_depth=6, random_state=0)),
    "columns in another order, some twice, some left out": lambda: make_pipeline(
        ColumnTransformer(
            [
                ("scaled", StandardScaler(), [3, 0]),
                ("binned", make_pipeline(MinMaxScaler(), bins("ordinal")), [1, 0]),
                ("as they are", "passthrough", [2]),
            ]
        ),
        RandomForestClassifier(5, random_state=0),
    ),
}
WITH_HOLES = {
    "scaler, boosting": BEHIND["scaler, boosting"],
    "scaler, boosting of numbers": BEHIND["scaler, boosting of numbers"],
    "imputer, scaler, forest": lambda: make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), RandomForestClassifier(5, random_state=0)
    ),
    "imputer of some columns, forest": lambda: make_pipeline(
        ColumnTransformer([("filled", SimpleImputer(), [0, 3])], remainder="passthrough"),
        RandomForestClassifier(5, random_state=0),
    ),
    "imputer, gradient boosting": lambda: make_pipeline(
        SimpleImputer(), GradientBoostingClassifier(n_estimators=10, random_state=0)
    ),
}


def check_folded(model, found):
    """The graph is trees on the features; each split was probed on both sides."""
    kinds = [node.op_type for node in parse(model).graph.node]
    assert kinds[0].startswith("TreeEnsemble")
    assert not {"Scaler", "Imputer", "Concat"} & set(kinds)
    assert found.require().splits_probed == found.splits > 0
    assert found.worst < 2e-6


@pytest.mark.parametrize("name", BEHIND)
def test_steps_before_trees_are_folded_into_the_splits(name, whole):
    check_folded(*certified(BEHIND[name](), whole))


@pytest.mark.parametrize("name", WITH_HOLES)
def test_missing_values_go_where_the_steps_send_them(name, holed):
    model, found = certified(WITH_HOLES[name](), holed)
    check_folded(model, found)
    assert found.takes_missing
    assert found.rows["missing at a split"] > 0


@pytest.mark.parametrize("up", [True, False])
def test_a_split_that_is_one_float_off_is_caught(whole, up):
    """The certificate looks where a scaler has brought the splits to."""
    estimator = BEHIND["scaler, boosting"]()
    graph = parse(certified(estimator, whole)[0])
    node = graph.graph.node[0]
    modes = next(a for a in node.attribute if a.name == "nodes_modes").strings
    values = next(a for a in node.attribute if a.name == "nodes_values")
    place = [i for i, mode in enumerate(modes) if mode != b"LEAF"][7]
    values.floats[place] = np.nextafter(np.float32(values.floats[place]), np.float32(np.inf if up else -np.inf))
    assert not certified(estimator, whole, model=graph.SerializeToString())[1].passed


LINEAR = {
    "scaler": (lambda: make_pipeline(StandardScaler(), linear()), 0),
    "scaler of numbers": (lambda: make_pipeline(StandardScaler(), LinearRegression()), 0),
    "bins as codes": (lambda: make_pipeline(bins("onehot"), linear()), 5 * 6 * 3),
    "bins as numbers": (lambda: make_pipeline(bins("ordinal"), linear()), 5 * 6 * 3),
    "codes and a scaler": (
        lambda: make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), [2]), (StandardScaler(), [0, 1, 3, 4])
            ),
            linear(),
        ),
        50,
    ),
    "codes but the first": (
        lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore", drop="first"), [2])), linear()
        ),
        50,
    ),
    "limit": (lambda: make_pipeline(Binarizer(threshold=0.1), linear()), 15),
    "PCA": (lambda: make_pipeline(StandardScaler(), PCA(3), linear()), 0),
    "PCA of numbers": (lambda: make_pipeline(StandardScaler(), PCA(3), Ridge()), 0),
    "two views of the features": (
        lambda: make_pipeline(StandardScaler(), FeatureUnion([("pca", PCA(2)), ("all", "passthrough")]), linear()),
        0,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
@pytest.mark.parametrize("name", LINEAR)
def test_steps_before_a_linear_model_pass(name, whole):
    make, edges = LINEAR[name]
    _, found = certified(make(), whole)
    assert found.require().rows.get(EDGE, 0) >= edges
    assert found.steps


def test_an_imputer_before_a_linear_model_takes_missing_values(holed):
    _, found = certified(make_pipeline(SimpleImputer(), StandardScaler(), linear()), holed)
    assert found.require().takes_missing
    assert found.steps == ("simpleimputer (SimpleImputer)", "standardscaler (StandardScaler)")


def test_a_code_for_missing_is_a_code(holed):
    estimator = make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [2])), linear())
    model, found = certified(estimator, holed)
    assert found.require().takes_missing
    assert "IsNaN" in {node.op_type for node in parse(model).graph.node}


@pytest.mark.parametrize("make", [lambda: make_pipeline(bins(), linear()), LINEAR["codes and a scaler"][0]])
def test_an_edge_that_is_one_float_off_is_caught(make, whole):
    """Held-out rows hardly ever lie on the edge of a bin; rows are put there."""
    estimator = make()
    graph = parse(certified(estimator, whole)[0])
    constant = next(
        one
        for one in graph.graph.initializer
        if one.name.startswith("gapless_constant") and one.data_type == 1 and 0 not in numpy_helper.to_array(one)
    )
    values = numpy_helper.to_array(constant).copy()
    values.ravel()[0] = np.nextafter(values.ravel()[0], np.float32(np.inf))
    constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    assert not certified(estimator, whole, model=graph.SerializeToString())[1].passed


def test_edges_behind_other_steps_are_brought_back_to_the_feature(whole):
    estimator = make_pipeline(StandardScaler(), bins("ordinal"), linear())
    estimator.fit(whole.rows[:600], whole.true[:600])
    scaler, binned = estimator[0], estimator[1]
    found = dict(critical_values(estimator, 5))
    assert set(found) == set(range(5))
    for feature, below in found.items():
        rows = np.zeros((len(below), 5), np.float32)
        rows[:, feature] = below
        up = rows.copy()
        up[:, feature] = np.nextafter(below, np.float32(np.inf))
        edges = binned.bin_edges_[feature]
        assert (scaler.transform(rows)[:, feature] < edges).all()
        assert (scaler.transform(up)[:, feature].astype(np.float64) >= edges).all()


def test_which_feature_each_column_comes_from(whole):
    columns = ColumnTransformer([("a", StandardScaler(), [4, 1]), ("b", "drop", [0])], remainder="passthrough")
    estimator = make_pipeline(columns, boosting()).fit(whole.rows, whole.true)
    assert front_of(estimator, 5).feature.tolist() == [4, 1, 2, 3]
    assert front_of(boosting().fit(whole.rows, whole.true), 5) is None
    mixed = make_pipeline(PCA(2), boosting()).fit(whole.rows, whole.true)
    assert front_of(mixed, 5) is None


@pytest.mark.filterwarnings("ignore:Skipping features:UserWarning")
def test_an_imputer_drops_what_had_no_value(holed):
    rows = holed.rows.copy()
    rows[:, 1] = np.nan
    estimator = make_pipeline(SimpleImputer(), RandomForestClassifier(3, random_state=0)).fit(rows, holed.true)
    assert front_of(estimator, 5).feature.tolist() == [0, 2, 3, 4]
    graph = OnnxRuntime().run(to_onnx(estimator, width=5, kind="classification"))
    assert np.array_equal(graph(rows)["prediction"], estimator.predict(rows).astype(np.float32))


# ---- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "function": (
        lambda: make_pipeline(FunctionTransformer(np.abs), linear()), "functiontransformer", "gl.pandas_function",
    ),
    "splines": (lambda: make_pipeline(StandardScaler(), SplineTransformer(), linear()), "splinetransformer", "KBins"),
    "unknown codes": (
        lambda: make_pipeline(make_column_transformer((OneHotEncoder(), [2])), linear()), "onehotencoder", "ignore",
    ),
    "rare codes": (
        lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore", min_frequency=20), [2])), linear()
        ),
        "onehotencoder",
        "on_demand",
    ),
    "missing as a column": (
        lambda: make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), linear()),
        "simpleimputer",
        "is_null",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_form_is_refused_by_the_name_of_the_step(name, holed, whole):
    make, step, instead = REFUSED[name]
    with pytest.raises(DefinitionError, match=f"step '{step}'") as refused:
        certified(make(), holed if name == "missing as a column" else whole)
    assert instead in refused.value.next_step
    assert 'runtime="python"' in refused.value.next_step


def test_trees_behind_a_mixture_are_refused_by_the_name_of_the_step(whole):
    with pytest.raises(CertificateFailed, match="mixes or reorders") as refused:
        certified(make_pipeline(PCA(3), RandomForestClassifier(3, random_state=0)), whole)
    assert refused.value.seen == "trees behind pca (PCA)"
    assert "leave out pca (PCA)" in refused.value.next_step


def test_what_differs_is_refused_by_the_name_of_the_step(whole):
    with pytest.raises(CertificateFailed) as refused:
        certified(make_pipeline(QuantileTransformer(n_quantiles=50), linear()), whole)[1].require()
    assert "leave out quantiletransformer (QuantileTransformer)" in refused.value.next_step
