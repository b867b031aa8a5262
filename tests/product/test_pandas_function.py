"""Declaring pandas functions: what they mean, what is refused, and what a bundle says of them."""

from __future__ import annotations

import importlib.util
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

import gapless as gl
from gapless.errors import DefinitionError, TypeMismatch, UnknownName, UserCodeError
from gapless.product import FeatureSet, stored_columns
from gapless.schema import Type
from tests.product.shop import CHECKOUTS, Estimator, customer, make_model, returned, spend

REVIEWS = gl.EventSource(
    "reviews",
    schema={"customer_id": str, "text": str, "stars": int, "at": datetime},
    event_time="at",
    delay="5m",
)


def declare(*, source=REVIEWS, inputs=("text",), outputs=None, version="1"):
    @gl.pandas_function(source=source, inputs=inputs, outputs=outputs or {"length": float}, version=version)
    def read_text(frame):
        return frame.assign(length=frame.text.str.len())[["length"]]

    return read_text


def view_of(source):
    @gl.feature_view(entity=customer, source=source)
    def mood(r):
        return {"length": gl.mean(r.length, windows=["7d"])}

    return mood


def test_it_is_a_source_with_more_columns():
    read = declare()
    assert read.name == "read_text"
    assert dict(read.columns.columns) == {**dict(REVIEWS.columns.columns), "length": Type.FLOAT}
    assert (read.event_time, read.delay_us, read.origin) == ("at", REVIEWS.delay_us, REVIEWS)
    assert REVIEWS.origin is REVIEWS


def test_functions_read_what_others_made():
    read = declare()

    @gl.pandas_function(source=read, inputs=["length", "stars"], outputs={"score": float}, version="1")
    def score(frame):
        return frame.assign(score=frame.length * frame.stars)[["score"]]

    assert score.origin is REVIEWS
    assert stored_columns(score, ["score", "at"]) == {"text", "stars", "at"}
    assert stored_columns(score, ["stars"]) == {"stars"}
    model = make_model(extra=[view_of(score)])
    assert list(model.feature_set.pandas_functions) == ["read_text", "score"]


def test_the_meaning_is_name_version_text_inputs_and_outputs():
    first = declare()
    assert declare().derivation.hash == first.derivation.hash
    others = [
        declare(version="2"),
        declare(inputs=("text", "stars")),
        declare(outputs={"length": int}),
        declare(source=gl.EventSource("others", schema=REVIEWS.columns, event_time="at", delay="5m")),
    ]

    @gl.pandas_function(source=REVIEWS, inputs=["text"], outputs={"length": float}, version="1")
    def read_text(frame):
        return frame.assign(length=frame.text.str.len() + 0)[["length"]]

    hashes = {each.derivation.hash for each in [first, *others, read_text]}
    assert len(hashes) == 6
    views = {view_of(each).definition_hash for each in [first, *others, read_text]}
    assert len(views) == 6


def test_a_view_that_takes_the_source_itself_means_what_it_meant():
    """No derivation leaves no trace in the meaning."""
    assert "derived" not in json.dumps(spend.canonical)


def test_a_bundle_says_which_functions_and_the_product_gives_them_back():
    read = declare()
    features = make_model(extra=[view_of(read)]).feature_set
    document = json.loads(json.dumps(features.to_document()))
    made = FeatureSet.from_document(document)
    (there,) = made.pandas_functions.values()
    assert made.features_hash == features.features_hash
    assert (there.function, there.hash) == (None, read.derivation.hash)
    assert made.with_functions({"read_text": read.derivation}).pandas_functions["read_text"].function is not None
    other = declare(version="2").derivation
    assert made.with_functions({"read_text": other}).pandas_functions["read_text"].function is None
    assert made.with_functions({}).features_hash == features.features_hash


def test_a_bundle_with_another_function_than_its_hash_says_is_refused():
    document = make_model(extra=[view_of(declare())]).feature_set.to_document()
    document["sources"]["read_text"]["derivation"]["version"] = "2"
    with pytest.raises(ValueError, match="cannot be read"):
        FeatureSet.from_document(document)


def test_the_product_ingests_what_functions_read():
    product = gl.Product("shop", models=[make_model(extra=[view_of(declare())])])
    assert "reviews" in product.all_sources
    assert "read_text" not in product.all_sources
    assert list(product.pandas_functions) == ["read_text"]


def test_two_functions_of_one_name_are_refused():
    models = [make_model(extra=[view_of(declare())]), make_model(name="b", extra=[view_of(declare(version="2"))])]
    with pytest.raises(DefinitionError, match="two event sources are named 'read_text'"):
        gl.Product("shop", models=models)


def test_a_label_may_come_from_a_function():
    source = gl.EventSource("notes", schema={"checkout_id": str, "text": str, "at": datetime}, event_time="at")
    label = gl.Label("angry", source=declare(source=source), value=lambda r: r.length > 3, give_up_after="1d")
    plain = make_model()
    assert make_model(label=label).definition_hash != plain.definition_hash
    again = gl.Label("angry", source=declare(source=source, version="2"), value=label.value, give_up_after="1d")
    assert label.canonical(CHECKOUTS) != again.canonical(CHECKOUTS)


# ---- what never runs in a request ----------------------------------------------------------------


def test_an_on_demand_that_calls_one_is_refused_and_told_the_way_out():
    read = declare()

    @gl.on_demand
    def now(r):
        return {"length": read(r.payment)}

    with pytest.raises(DefinitionError, match="cannot run in a request") as refused:
        make_model(extra=[now])
    assert "gl.last(d.sentiment)" in refused.value.next_step
    assert refused.value.where.file == __file__


def test_a_model_that_lists_one_or_asks_by_one_is_refused():
    with pytest.raises(DefinitionError, match="lists pandas function 'read_text' itself") as refused:
        make_model(extra=[declare()])
    assert "gl.feature_view(source=read_text)" in refused.value.next_step

    @gl.pandas_function(source=CHECKOUTS, inputs=["payment"], outputs={"code": float}, version="1")
    def encode(frame):
        return frame.assign(code=frame.payment.str.len())[["code"]]

    with pytest.raises(DefinitionError, match="takes its requests from pandas function 'encode'"):
        gl.Model("m", requests=encode, features=[spend], label=returned, estimator=Estimator, metrics=["roc_auc"])


def test_called_with_a_frame_it_runs_for_tests_of_it():
    import pandas as pd

    assert declare()(pd.DataFrame({"text": ["ab", "c"]})).length.tolist() == [2, 1]


def test_the_page_about_them_runs(tmp_path):
    from gapless.features import check_row_wise, derived_columns

    page = (Path(__file__).parents[2] / "docs" / "pandas-functions.md").read_text()
    (tmp_path / "page.py").write_text(page.split("```python\n")[1].split("```")[0])
    spec = importlib.util.spec_from_file_location("page", tmp_path / "page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    batch = pa.record_batch({"text": ["Good, GREAT", "nicht sehr bad", None, ""]})
    made = module.read_text.derivation
    assert derived_columns(made, batch).to_pydict() == {
        "sentiment": [2.0, -1.0, None, 0.0],
        "language": ["en", "de", None, "en"],
    }
    check_row_wise(made, batch)
    assert module.mood.source is module.read_text


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"inputs": ["txt"]}, UnknownName, "txt"),
        ({"inputs": "text"}, DefinitionError, "list of inputs"),
        ({"inputs": []}, DefinitionError, "list of inputs"),
        ({"inputs": ["text", "text"]}, DefinitionError, "two inputs"),
        ({"outputs": {"text": str}}, DefinitionError, "makes columns that source 'reviews' has"),
        ({"outputs": {"length": list}}, TypeMismatch, "length"),
        ({"outputs": {"_length": float}}, DefinitionError, "plain name"),
        ({"version": 1}, DefinitionError, "needs a version"),
        ({"version": ""}, DefinitionError, "needs a version"),
        ({"source": "reviews"}, TypeMismatch, "reads a source"),
    ],
)
def test_mistakes_name_the_authors_line(more, error, words):
    with pytest.raises(error, match=words) as found:
        declare(**more)
    assert found.value.where is None or found.value.where.file == __file__


def test_a_function_without_text_is_refused():
    made = {}
    exec("def made_up(frame): return frame", made)
    with pytest.raises(DefinitionError, match="cannot be read"):
        gl.pandas_function(source=REVIEWS, inputs=["text"], outputs={"length": float}, version="1")(made["made_up"])


@pytest.mark.parametrize("made", [lambda frame: frame, len, "read_text"])
def test_what_is_no_function_with_a_name_is_refused(made):
    with pytest.raises((DefinitionError, TypeMismatch)):
        gl.pandas_function(source=REVIEWS, inputs=["text"], outputs={"length": float}, version="1")(made)


def test_a_view_of_a_function_names_its_columns():
    with pytest.raises((UnknownName, UserCodeError), match="lenght"):

        @gl.feature_view(entity=customer, source=declare())
        def mood(r):
            return {"length": gl.mean(r.lenght, windows=["7d"])}
