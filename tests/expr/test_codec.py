"""Expressions as JSON: round trips, stable fingerprints, and documents that nobody has vouched for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import CorruptData
from gapless.expr import OPERATIONS, Row, fingerprint, from_json, literal, to_json, when
from gapless.schema import Type
from tests.expr.cases import CASES

r = Row({"x": Type.FLOAT, "s": Type.STRING, "t": Type.TIMESTAMP}, what="request")
EXPR = (
    when(r.x > 1, r.x.log()).otherwise(None) + (r.t + "90m").hour("America/New_York") * r.s.is_in(["a", "é"]).to_float()
)


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_survives_json(op: str) -> None:
    for expr in CASES[op]:
        again = from_json(json.loads(json.dumps(to_json(expr))))
        assert fingerprint(again) == fingerprint(expr)
        assert again.type is expr.type
        assert to_json(again) == to_json(expr)


def test_fingerprints_stay_what_they_were() -> None:
    # A change here breaks every stored definition: raise the version of the operation that changed its meaning instead.
    assert fingerprint(EXPR) == "6301e8b3f62f7a62e8968f58aa364f61e7c3bc40fdcbd743ad4e554baf8893a0"
    assert fingerprint(r.x) == fingerprint(Row({"x": Type.INT}, what="another").x)


def test_fingerprints_tell_meanings_apart() -> None:
    alike = [
        r.x + 1,
        1 + r.x,
        r.x - 1,
        r.x + 2,
        r.x * 1,
        literal(0.0),
        literal(-0.0),
        literal(False),
        literal("0"),
        r.s,
        r.t,
    ]
    alike += [r.t.hour(), r.t.hour("Europe/Berlin"), r.s[:1], r.s[1:], r.x.is_in([1, 2]), r.x.is_in([2, 1])]
    assert len({fingerprint(expr) for expr in alike}) == len(alike)
    assert fingerprint(r.x + 1) == fingerprint(r.x + 1.0)


def test_a_shared_part_stands_once() -> None:
    shared = r.x
    for _ in range(50):
        shared = shared * shared
    assert len(to_json(shared)["nodes"]) == 51


def _without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda doc: {name: value for name, value in doc.items() if name != key}


def _node(position: int, **fields: Any) -> Callable[[dict[str, Any]], Any]:
    def change(doc: dict[str, Any]) -> Any:
        doc["nodes"][position].update(fields)
        return doc

    return change


def _nodes(nodes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda doc: {**doc, "nodes": nodes}


X = {"op": "column", "params": {"name": "x", "type": "float"}}
S = {"op": "column", "params": {"name": "s", "type": "string"}}
T = {"op": "column", "params": {"name": "t", "type": "timestamp"}}


@pytest.mark.parametrize(
    "change",
    [
        lambda doc: None,
        lambda doc: [],
        lambda doc: "import os",
        _without("opset"),
        _without("nodes"),
        lambda doc: {**doc, "extra": 1},
        lambda doc: {**doc, "opset": 999},
        lambda doc: {**doc, "opset": True},
        lambda doc: {**doc, "opset": 0},
        _nodes([]),
        _nodes({}),
        _nodes([X] * 10_001),
        _nodes([None]),
        _nodes([X, X]),
        _nodes([{"op": "__import__"}]),
        _nodes([{"op": ["add"]}]),
        _nodes([{**X, "code": "1"}]),
        _nodes([{"op": "column", "params": {"name": "x"}}]),
        _nodes([{"op": "column", "params": {"name": 3, "type": "float"}}]),
        _nodes([{"op": "column", "params": {"name": "\ud800", "type": "float"}}]),
        _nodes([{"op": "column", "params": {"name": "x", "type": "int"}}]),
        _nodes([{"op": "column", "params": {"name": "x", "type": ["float"]}}]),
        _nodes([{"op": "column", "params": {"name": "x", "type": "float"}, "args": [0]}]),
        _nodes([{"op": "literal", "params": {"type": "float", "value": float("nan")}}]),
        _nodes([{"op": "literal", "params": {"type": "float", "value": "1"}}]),
        _nodes([{"op": "literal", "params": {"type": "float", "value": 10**400}}]),
        _nodes([{"op": "literal", "params": {"type": "bool", "value": 1}}]),
        _nodes([{"op": "literal", "params": {"type": "timestamp", "value": 5}}]),
        _nodes([{"op": "literal", "params": {"type": "timestamp", "value": "9" * 19}}]),
        _nodes([{"op": "literal", "params": {"type": "timestamp", "value": "²"}}]),
        _nodes([{"op": "literal", "params": {"type": "timestamp", "value": "-"}}]),
        _nodes([X, {"op": "log"}]),
        _nodes([X, {"op": "log", "args": [1]}]),
        _nodes([X, {"op": "log", "args": [-1]}]),
        _nodes([X, {"op": "log", "args": [True]}]),
        _nodes([X, {"op": "log", "args": ["0"]}]),
        _nodes([X, {"op": "log", "args": [0, 0]}]),
        _nodes([X, {"op": "log", "args": 0}]),
        _nodes([X, {"op": "log", "args": [0], "params": {"base": 2}}]),
        _nodes([X, {"op": "log", "args": [0], "params": []}]),
        _nodes([X, {"op": "add", "args": [0]}]),
        _nodes([S, {"op": "log", "args": [0]}]),
        _nodes([S, {"op": "is_in", "args": [0], "params": {"values": [1]}}]),
        _nodes([S, {"op": "is_in", "args": [0], "params": {"values": [[]]}}]),
        _nodes([S, {"op": "slice", "args": [0], "params": {"start": 0.5, "stop": None}}]),
        _nodes([S, {"op": "slice", "args": [0], "params": {"start": 0}}]),
        _nodes([T, {"op": "hour", "args": [0], "params": {"zone": "../../../etc/passwd"}}]),
        _nodes([T, {"op": "hour", "args": [0], "params": {"zone": {}}}]),
        _nodes([T, {"op": "shift", "args": [0], "params": {"by": 1}}]),
        _nodes([T, {"op": "shift", "args": [0], "params": {"by": "1" * 5000}}]),
        _nodes([X, *({"op": "negate", "args": [i]} for i in range(1_001))]),
        _node(0, op="exec"),
    ],
)
def test_a_document_that_is_no_expression_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    doc = change(copy.deepcopy(to_json(EXPR)))
    with pytest.raises(CorruptData) as caught:
        from_json(doc)
    assert "next:" in str(caught.value)
    assert len(str(caught.value)) < 3_000


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([*OPERATIONS, "float", "op", "args", "params", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["opset", "nodes", "op", "args", "params", "type", "value", "name", "zone", "by"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.fixed_dictionaries({"op": st.sampled_from(list(OPERATIONS))}, optional={"args": JSON, "params": JSON}),
        max_size=3,
    )
)
def test_random_documents_are_refused_or_understood_and_never_crash(nodes: list[Any]) -> None:
    try:
        found = from_json({"opset": 1, "nodes": nodes})
    except CorruptData:
        return
    assert to_json(found)["nodes"] == nodes
