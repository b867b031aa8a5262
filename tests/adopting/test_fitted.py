"""Fitted transformers of scikit-learn: each output column with the constants that were learned."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from gapless.adopting import adopt
from gapless.adopting.estimators import written_estimator

NUMBERS = ["age", "income"]
TEXTS = ["city", "plan"]


def customers(rows=250, seed=0, *, nulls=True):
    random = np.random.default_rng(seed)
    plans = ["free", "pro", None] if nulls else ["free", "pro"]
    return pd.DataFrame(
        {
            "age": random.choice([18.0, 30.0, 44.5, 71.0, np.nan] if nulls else [18.0, 30.0, 44.5, 71.0], rows),
            "income": random.lognormal(10, 1, rows),
            "city": random.choice(["A", "B", "C"], rows),
            "plan": random.choice(plans, rows),
        }
    )


def label(rows=250, seed=0):
    return np.random.default_rng(seed).integers(0, 2, rows)


def statuses(report):
    return {column.status for column in report.columns}


def _named(transformer):
    """Without the addresses of functions, which no two processes share."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(transformer))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler(),
        MinMaxScaler((-1, 1), clip=True),
        MaxAbsScaler(),
        RobustScaler(),
        SimpleImputer(),
        SimpleImputer(strategy="median", add_indicator=True),
        SimpleImputer(strategy="constant", fill_value=-1),
        SimpleImputer(strategy="most_frequent"),
        FunctionTransformer(np.log1p),
        FunctionTransformer(lambda df: df.assign(both=df.age * df.income)[["both"]]),
        FunctionTransformer(),
        make_pipeline(SimpleImputer(), Binarizer(threshold=30)),
        make_pipeline(SimpleImputer(), KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf")),
        make_pipeline(SimpleImputer(), KBinsDiscretizer(3, encode="onehot", quantile_method="averaged_inverted_cdf")),
        make_pipeline(SimpleImputer(), PolynomialFeatures(2)),
        FeatureUnion([("scaled", StandardScaler()), ("as_is", SimpleImputer(strategy="median"))]),
    ],
    ids=_named,
)
def test_numbers(transformer, seed):
    frame = customers(seed=seed)[NUMBERS]
    report = adopt(transformer.fit(frame), frame, probes=1_000, seed=seed)
    assert report.ok, [(column.name, column.reason) for column in report.columns]
    assert {column.compared.worst_ulp for column in report.columns} <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    "transformer",
    [
        OneHotEncoder(),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OneHotEncoder(drop="first"),
        OrdinalEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
        SimpleImputer(strategy="most_frequent"),
        SimpleImputer(strategy="constant", fill_value="none"),
    ],
    ids=_named,
)
def test_texts(transformer):
    frame = customers()[TEXTS]
    report = adopt(transformer.fit(frame), frame, probes=1_000)
    assert report.ok, [(column.name, column.reason) for column in report.columns]
    assert report.probes > 100


def test_a_target_encoding_is_a_choice_of_numbers():
    frame = customers()[TEXTS]
    report = adopt(TargetEncoder(random_state=0).fit(frame, label()), frame, probes=1_000)
    assert report.ok, [(column.name, column.reason) for column in report.columns]


def test_a_selection_keeps_its_columns():
    frame = customers(nulls=False)[NUMBERS]
    report = adopt(SelectKBest(k=1).fit(frame, frame.income > 20_000), frame, probes=400)
    assert [(column.name, column.text) for column in report.columns] == [("income", "r.income")]


def pipeline():
    ready = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            (
                "plan",
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
                [3],
            ),
        ],
        remainder="passthrough",
    )
    return Pipeline([("ready", ready), ("model", LogisticRegression(C=0.5, max_iter=300))])


def test_a_pipeline_becomes_features_and_a_factory():
    frame = customers()
    report = adopt(pipeline().fit(frame, label()), frame, probes=1_000)
    assert report.ok, [(column.name, column.reason) for column in report.columns]
    assert [column.feature for column in report.columns] == [
        "numbers_age",
        "numbers_income",
        "texts_city_A",
        "texts_city_B",
        "texts_city_C",
        "plan_plan",
    ]
    assert "return LogisticRegression(C=0.5, max_iter=300)" in report.product
    made = {}
    exec(compile(report.product, "product.py", "exec"), made)
    assert repr(made["estimator"]()) == "LogisticRegression(C=0.5, max_iter=300)"


def test_what_cannot_be_expressed_stays_in_the_pipeline():
    frame = customers(nulls=False)
    ready = ColumnTransformer([("words", TfidfVectorizer(), "city"), ("numbers", StandardScaler(), NUMBERS)])
    words = frame.assign(city=[f"{city} river bank" for city in frame.city])
    report = adopt(ready.fit(words), words, probes=400)
    found = {column.name: column for column in report.columns}
    assert found["words__river"].status == "function"
    assert "TfidfVectorizer; keep it inside the estimator's pipeline" in found["words__river"].reason
    assert found["numbers__age"].status == "expressed"
    assert not report.ok


@pytest.mark.parametrize("transformer", [PowerTransformer(), PCA(2)], ids=_named)
def test_rounding_is_said_and_accepted_only_when_asked(transformer):
    """Sums in another order, and powers by another algorithm, differ in the last places."""
    frame = customers(nulls=False)[NUMBERS]
    fitted = transformer.fit(frame)
    strict = adopt(fitted, frame, probes=0)
    worst = max(column.compared.worst_ulp for column in strict.columns)
    assert worst > 0
    accepted = adopt(fitted, frame, probes=0, max_ulp=worst)
    assert statuses(accepted) == {"expressed"}
    assert any(f"rounding, up to {worst} ulp" in column.compared.text for column in accepted.columns)


def test_infrequent_levels_are_refused_by_name():
    frame = customers()[["city"]]
    report = adopt(OneHotEncoder(min_frequency=100, handle_unknown="infrequent_if_exist").fit(frame), frame, probes=0)
    assert {column.reason for column in report.columns} == {
        "OneHotEncoder with infrequent levels; keep it inside the estimator's pipeline"
    }


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(C=0.25),
        HistGradientBoostingClassifier(random_state=0, max_iter=50, categorical_features=[0, 2]),
        make_pipeline(StandardScaler(), LogisticRegression()).steps[1][1],
    ],
    ids=_named,
)
def test_a_factory_makes_the_same_estimator(estimator):
    names = {}
    exec("\n".join(written_estimator(estimator)), names)
    assert names["estimator"]().get_params() == estimator.get_params()


def test_a_factory_that_cannot_be_written_is_a_comment():
    (line,) = written_estimator(VotingClassifier([("one", LogisticRegression())]))
    assert line.startswith("# The pipeline ends with a VotingClassifier")
