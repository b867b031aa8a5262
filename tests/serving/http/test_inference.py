"""The Open Inference Protocol: JSON and binary tensors, nulls, errors, and tritonclient as it comes."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given
from hypothesis import strategies as st

from gapless.schema import Type
from gapless.serving.http.rows import FIRST_US, LAST_US
from gapless.serving.http.tensors import DATATYPES, Tensor, column_of, pack
from tests.serving.http.basket import COLUMNS, application, predicted
from tests.serving.http.client import ask
from tests.serving.http.processes import basket

PATH = "/v2/models/basket/infer"
IDS = {"name": "basket_id", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
ROWS = ("gapless_rows", ("basket", "7"))
AMOUNTS = {"name": "amount", "datatype": "FP64", "shape": [2], "data": [10.0, None]}


def outputs(document):
    return {one["name"]: one["data"] for one in document["outputs"]}


def test_json_tensors_are_answered_as_json_tensors():
    got = ask(application(), "POST", PATH, {"id": "q", "inputs": [IDS, AMOUNTS]})
    assert got.status == 200
    assert (got.json["id"], got.json["model_name"], got.json["model_version"]) == ("q", "basket", "7")
    found = outputs(got.json)
    assert (found["request_id"], found["prediction"], found["trust"]) == (
        ["a", "b"],
        [10.0, None],
        ["ok", "unreliable"],
    )
    assert json.loads(found["reasons"][1]) == [{"code": "no_answer", "level": "unreliable"}]


def test_nulls_come_as_null_as_nan_and_as_a_tensor_of_flags():
    nan = {"name": "amount", "datatype": "FP32", "shape": [2, 1], "data": [[5], [6]]}
    flags = {"name": "amount__isnull", "datatype": "BOOL", "shape": [2], "data": [True, False]}
    got = ask(application(), "POST", PATH, {"inputs": [IDS, nan, flags]})
    assert outputs(got.json)["prediction"] == [None, 6.0]
    raw = struct.pack("<dd", math.nan, 2.0)
    body = {"inputs": [IDS, AMOUNTS | {"data": None, "parameters": {"binary_data_size": 16}}]}
    got = ask(application(), "POST", PATH, *binary(body, raw))
    assert outputs(got.json)["prediction"] == [None, 2.0]


def binary(document, *tails):
    head = json.dumps(document).encode()
    return b"".join([head, *tails]), {"inference-header-content-length": str(len(head))}


def test_outputs_are_chosen_by_name_and_form():
    wanted = [{"name": "prediction", "parameters": {"binary_data": True}}, {"name": "trust"}]
    got = ask(application(), "POST", PATH, {"inputs": [IDS, AMOUNTS], "outputs": wanted})
    length = int(got.headers["inference-header-content-length"])
    head = json.loads(got.body[:length])
    assert [one["name"] for one in head["outputs"]] == ["prediction", "trust"]
    assert head["outputs"][0]["parameters"] == {"binary_data_size": 8}
    first, second = struct.unpack("<ff", got.body[length:])
    assert (first, math.isnan(second)) == (10.0, True)


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ([AMOUNTS], "basket_id"),
        ([IDS | {"data": ["a", None]}], "basket_id"),
        ([IDS, AMOUNTS | {"datatype": "BYTES"}], "amount"),
        ([IDS, AMOUNTS | {"data": [1.0]}], "amount"),
        ([IDS, AMOUNTS | {"data": ["x", 1.0]}], "row 0"),
        ([IDS, AMOUNTS | {"shape": [3]}], "shape"),
        ([IDS, AMOUNTS | {"shape": [1, 2]}], "shape"),
        ([IDS, AMOUNTS | {"shape": []}], "shape"),
        ([IDS, AMOUNTS | {"shape": [-2]}], "shape"),
        ([IDS, AMOUNTS | {"name": "amonut"}], "amonut"),
        ([IDS, AMOUNTS, AMOUNTS], "twice"),
        ([IDS, {"name": "items", "datatype": "INT64", "shape": [2], "data": [1, 2**60]}], "row 1"),
        ([IDS, {"name": "asked_at", "datatype": "INT64", "shape": [2], "data": [1, LAST_US + 1]}], "row 1"),
        ([IDS | {"data": ["a", "\ud800"]}, AMOUNTS | {"data": [math.nan, 1]}], "surrogate"),
        ([IDS, {"name": "gift", "datatype": "BOOL", "shape": [2], "data": [1, 0]}], "gift"),
        ([], "shape"),
        ([{"name": "x"}], "datatype"),
        ([IDS | {"name": "\ud800"}, AMOUNTS | {"data": [math.nan, 1]}], "surrogate"),
        ([IDS | {"datatype": "\ud800"}, AMOUNTS | {"data": [math.nan, 1]}], "surrogate"),
        ([IDS | {"shape": [10**4200, 2]}, AMOUNTS | {"data": [math.nan, 1]}], "shape"),
        ([IDS, AMOUNTS | {"data": None, "raw": "AAAAAAAAAAAAAAAAAAAAAA=="}], "amount"),
    ],
)
def test_what_does_not_fit_is_400_with_one_text_that_names_it(inputs, named):
    got = ask(application(), "POST", PATH, {"inputs": inputs})
    assert got.status == 400
    assert named in got.json["error"]


@pytest.mark.parametrize("document", [{"id": "\ud800"}, {"outputs": [{"name": "\ud800"}]}])
def test_half_of_a_surrogate_pair_is_400_wherever_it_stands(document):
    got = ask(application(), "POST", PATH, {"inputs": [IDS, AMOUNTS | {"data": [math.nan, 1]}], **document})
    assert (got.status, "surrogate" in got.json["error"]) == (400, True)


def test_half_of_a_surrogate_pair_is_400_in_bytes_too():
    body = b'{"id": "\xed\xa0\x80", "inputs": [{"name": "NaN", "datatype": "FP64", "shape": [1], "data": [1]}]}'
    got = ask(application(), "POST", PATH, body)
    assert (got.status, "UTF-8" in got.json["error"]) == (400, True)


def test_a_number_with_more_digits_than_python_reads_is_told_in_words():
    body = b'{"inputs": [{"name": "NaN", "datatype": "FP64", "shape": [1], "data": [1%s]}]}' % (b"0" * 5000)
    got = ask(application(), "POST", PATH, body)
    assert (got.status, got.json["error"].partition(",")[0]) == (400, "the JSON holds a number with too many digits")


def test_an_output_is_given_once_so_that_a_small_request_has_no_endless_answer():
    app = application()
    got = ask(app, "POST", PATH, {"inputs": [IDS], "outputs": [{"name": "reasons"}] * 2})
    assert (got.status, "twice" in got.json["error"], app.service.meters.snapshot.counts.get(ROWS)) == (400, True, None)


@pytest.mark.parametrize("header", ["x", "-1", "999999", "²", "", "9" * 5000])
def test_a_length_that_does_not_fit_is_400(header):
    body = json.dumps({"inputs": [IDS]}).encode()
    got = ask(application(), "POST", PATH, body, {"inference-header-content-length": header.encode().decode("latin-1")})
    assert got.status == 400


@pytest.mark.parametrize("size", [-1, 1, 7, 1000, "8", 8.0, True])
def test_binary_sizes_that_do_not_add_up_are_400(size):
    document = {"inputs": [IDS, AMOUNTS | {"data": None, "parameters": {"binary_data_size": size}}]}
    assert ask(application(), "POST", PATH, *binary(document, b"\0" * 16)).status == 400


def test_a_version_that_is_not_live_is_404():
    app = application()
    assert ask(app, "POST", "/v2/models/basket/versions/7/infer", {"inputs": [IDS]}).status == 200
    assert ask(app, "POST", "/v2/models/basket/versions/6/infer", {"inputs": [IDS]}).status == 404
    assert ask(app, "GET", "/v2/models/basket/versions/6/ready").status == 503
    assert ask(app, "GET", "/v2/models/basket/versions/7/ready").status == 200
    assert ask(app, "GET", "/v2/models/nobody").status == 404


def test_an_output_that_there_is_not_is_refused_before_anything_is_answered():
    app = application()
    got = ask(app, "POST", PATH, {"inputs": [IDS], "outputs": [{"name": "score"}]})
    assert (got.status, "score" in got.json["error"]) == (400, True)
    assert app.service.meters.snapshot.counts.get(ROWS) is None


VALUES = {
    Type.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    Type.INT: st.integers(-(2**53), 2**53),
    Type.BOOL: st.booleans(),
    Type.STRING: st.text(st.characters(exclude_categories=["Cs"])),
    Type.TIMESTAMP: st.integers(FIRST_US, LAST_US),
}


@given(st.sampled_from(Type).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(VALUES[kind], min_size=1))))
def test_a_column_comes_through_binary_and_json_as_it_is(column):
    kind, values = column
    named = {"name": "c", "datatype": DATATYPES[kind], "shape": [len(values)]}
    raw = memoryview(pack(DATATYPES[kind], values))
    assert column_of(Tensor(**named, raw=raw), kind, len(values)) == values
    assert column_of(Tensor(**named, data=json.loads(json.dumps(values))), kind, len(values)) == values


@given(st.binary(max_size=64), st.sampled_from(sorted(DATATYPES.values())), st.integers(1, 4))
def test_any_bytes_are_a_column_or_a_problem(raw, datatype, rows):
    document = {"inputs": [IDS | {"shape": [rows], "data": ["a"] * rows}]}
    names = [name for name, kind in COLUMNS.items() if DATATYPES[kind] == datatype and name != "basket_id"]
    parameters = {"binary_data_size": len(raw)}
    tensor = {"name": names[0], "datatype": datatype, "shape": [rows], "parameters": parameters}
    document["inputs"].append(tensor)
    assert ask(application(), "POST", PATH, *binary(document, raw)).status in (200, 400)


@pytest.mark.parametrize("as_binary", [True, False])
def test_tritonclient_as_it_comes(tmp_path, as_binary):
    rows = [
        {"basket_id": f"k{i}", "amount": i / 3 if i % 3 else None, "items": i + 1, "gift": i % 2 == 0}
        for i in range(20)
    ]
    columns = {
        "basket_id": np.array([row["basket_id"] for row in rows], object),
        "amount": np.array([np.nan if row["amount"] is None else row["amount"] for row in rows]),
        "items": np.array([row["items"] for row in rows], np.int64),
        "gift": np.array([row["gift"] for row in rows]),
    }
    with basket(tmp_path) as server, triton.InferenceServerClient(f"{server.host}:{server.port}") as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("basket")
        assert not client.is_model_ready("nobody")
        assert client.get_server_metadata()["name"] == "gapless"
        assert [one["name"] for one in client.get_model_metadata("basket")["inputs"]] == list(COLUMNS)
        inputs = []
        for name, values in columns.items():
            inputs.append(triton.InferInput(name, [len(rows)], DATATYPES[COLUMNS[name]]))
            inputs[-1].set_data_from_numpy(values, binary_data=as_binary)
        wanted = [triton.InferRequestedOutput(name, binary_data=as_binary) for name in ("prediction", "trust", "as_of")]
        got = client.infer("basket", inputs, outputs=wanted, request_id="q1")
        everything = client.infer("basket", inputs)
        with pytest.raises(triton.InferenceServerException, match="amonut"):
            client.infer(
                "basket", [inputs[0], triton.InferInput("amonut", [20], "FP64").set_data_from_numpy(columns["amount"])]
            )
    expected = [predicted(dict.fromkeys(COLUMNS) | row) for row in rows]
    assert got.get_response()["id"] == "q1"
    np.testing.assert_array_equal(
        got.as_numpy("prediction"), np.array([np.nan if v is None else v for v in expected], np.float32)
    )
    trust = [text.decode() if as_binary else text for text in got.as_numpy("trust")]
    assert trust == ["unreliable" if value is None else "ok" for value in expected]
    assert got.as_numpy("as_of").dtype == np.int64
    np.testing.assert_array_equal(everything.as_numpy("prediction"), got.as_numpy("prediction"))
