"""A definition as values: complete, the same hash, refused where a byte of its meaning differs."""

import copy
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gapless.errors import CorruptData
from gapless.features import TableSources, compute, one_batch
from gapless.product import FeatureSet
from tests.features import world
from tests.product.shop import make_model

MODELS = {"world": world.MODEL, "shop": make_model()}


def through_json(features):
    return FeatureSet.from_document(json.loads(json.dumps(features.to_document(), sort_keys=True)))


@pytest.mark.parametrize("name", MODELS)
def test_a_round_trip_keeps_everything(name):
    features = MODELS[name].feature_set
    again = through_json(features)
    assert again.to_document() == features.to_document()
    assert again.features_hash == features.features_hash == MODELS[name].features_hash
    assert again.outputs == features.outputs
    assert again.vector == features.vector
    assert again.request_only == MODELS[name].request_only
    assert again.requests.columns == features.requests.columns
    assert [view.definition_hash for view in again.views] == [view.definition_hash for view in features.views]


@pytest.mark.parametrize("seed", range(3))
def test_it_computes_what_the_model_computes(seed):
    rows, asks = world.history(seed)
    sources = TableSources({"events": world.event_table(rows)})
    requests = world.request_table(asks)
    again = through_json(world.MODEL.feature_set)
    assert one_batch(compute(again, requests, sources)) == one_batch(compute(world.MODEL, requests, sources))


def places(value, path=()):
    """Every place in a document of plain values."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


DOCUMENT = json.loads(json.dumps(world.MODEL.feature_set.to_document()))
PLACES = [path for path in places(DOCUMENT) if path]
JUNK = st.sampled_from([None, -1, 0, 7, 2.5, "", "zzz", "float", True, [], {}, [[1]], {"a": 1}, "__import__"])


@example(("sources", "asks", "columns", 1, 0), "zzz", False)
@given(st.sampled_from(PLACES), JUNK, st.booleans())
def test_a_document_that_means_something_else_is_refused(path, junk, drop):
    """Or it is read as what it says: never another error, never another meaning under the same hash."""
    document = copy.deepcopy(DOCUMENT)
    around = document
    for key in path[:-1]:
        around = around[key]
    if drop:
        del around[path[-1]]
    else:
        around[path[-1]] = junk
    try:
        read = FeatureSet.from_document(document)
    except CorruptData:
        return
    assert read.features_hash == world.MODEL.features_hash or document["opset"] != DOCUMENT["opset"]


@pytest.mark.parametrize("junk", [None, 3, "text", [], {}, {"format": 1}, {"format": 2}])
def test_what_is_no_document_is_refused(junk):
    with pytest.raises(CorruptData, match="definition of features"):
        FeatureSet.from_document(junk)
