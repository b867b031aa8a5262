"""Bodies that nobody meant to send: whatever comes, the answer is below 500."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.http.basket import COLUMNS, application, pushing
from tests.serving.http.client import ask, asked

PREDICT, FEATURES, INFER = "/v1/models/basket/predict", "/v1/features", "/v2/models/basket/infer"
EVENTS = "/v1/events/clicks"
EVENT = {"id": "a", "page": "p", "n": 1, "x": 1.5, "new": True, "at": "2024-01-01T00:00:00Z", "seen_at": 5}
ROW = {"basket_id": "a", "amount": 1.5, "items": 2, "gift": True, "shop": "s", "asked_at": "2024-01-01T00:00:00Z"}
ODD: list[Any] = [None, True, 0, -1, 1.5, 2**63, -(2**63), 2**64, 10**400, 1e308, -0.0, 5e-324, "", "x", "\0", "\ud800"]
ODD += [
    float("nan"),
    float("-inf"),
    "é" * 50,
    "1e999",
    "2024-13-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-12:00",
]
ODD += [[], {}, [[]], {"": 0}, [None], "2016-12-31T23:59:60Z", -62_135_596_800_000_001, 253_402_300_800_000_000]
TENSORS = [
    {"name": "basket_id", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
    {"name": "amount", "datatype": "FP64", "shape": [2], "data": [1, None]},
    {"name": "items", "datatype": "INT64", "shape": [2], "data": [1, 2]},
]
BODIES: dict[str, list[Any]] = {
    PREDICT: [{"requests": [ROW, ROW]}],
    FEATURES: [{"model": "basket", "requests": [ROW]}, {"views": ["shape"], "rows": [{"shop": "s"}], "at": 5}],
    INFER: [{"id": "q", "inputs": TENSORS, "outputs": [{"name": "trust", "parameters": {"binary_data": True}}]}],
    EVENTS: [{"events": [EVENT, EVENT]}],
}


def mutated(draw: random.Random, value: Any) -> Any:
    """The same document with something odd somewhere."""
    if draw.random() < 0.25 or not isinstance(value, dict | list) or not value:
        return draw.choice(ODD)
    if isinstance(value, list):
        at = draw.randrange(len(value))
        changed = [mutated(draw, one) if i == at else one for i, one in enumerate(value)]
        return changed * draw.choice([1, 1, 1, 2]) if draw.random() < 0.9 else changed[:-1]
    key = draw.choice(list(value))
    if draw.random() < 0.2:
        return {name: one for name, one in value.items() if name != key} | {draw.choice(["zz", *COLUMNS]): one_of(draw)}
    return value | {key: mutated(draw, value[key])}


def one_of(draw: random.Random) -> Any:
    return draw.choice(ODD)


def torn(draw: random.Random, body: bytes) -> bytes:
    """Bytes with some lost, doubled or changed."""
    at = draw.randrange(len(body) + 1)
    changes: list[Callable[[], bytes]] = [
        lambda: body[:at],
        lambda: body[:at] + draw.randbytes(3) + body[at:],
        lambda: body[:at] + bytes([draw.randrange(256)]) + body[at + 1 :],
        lambda: body[:at] + body[at // 2 :],
    ]
    return draw.choice(changes)()


@pytest.mark.parametrize(("path", "seed"), [(PREDICT, 1), (FEATURES, 2), (INFER, 3), (EVENTS, 4)])
def test_thousands_of_broken_bodies_never_break_the_server(path, seed):
    app, draw = application(pushing=pushing()), random.Random(seed)

    async def all_of_them() -> dict[int, int]:
        statuses: dict[int, int] = {}
        for _ in range(3_400):
            body = json.dumps(mutated(draw, draw.choice(BODIES[path]))).encode()
            body = torn(draw, body) if draw.random() < 0.4 else body
            length = str(draw.randrange(len(body) + 2))
            headers = {"inference-header-content-length": length} if path == INFER and draw.random() < 0.2 else {}
            got = await asked(app, "POST", path, body, headers)
            statuses[got.status] = statuses.get(got.status, 0) + 1
            assert got.status in (200, 400, 404, 413, 422), (body, got.body)
            json.loads(got.body) if got.headers["content-type"] == "application/json" else None
        return statuses

    statuses = asyncio.run(all_of_them())
    assert statuses[200] > 20  # some of them are still requests
    assert statuses[400] > 500


@given(st.binary(max_size=200), st.sampled_from([PREDICT, FEATURES, INFER, EVENTS]))
def test_any_bytes(body, path):
    assert ask(application(pushing=pushing()), "POST", path, body).status in (400, 422)


@given(st.text(max_size=40), st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE", "\x7f"]))
def test_any_path_and_method(path, method):
    assert ask(application(), method, "/" + path.replace("%", "")).status in (200, 404, 405, 400, 422)


@given(st.dictionaries(st.text("abc-", min_size=1), st.text(st.characters(max_codepoint=255))))
def test_any_headers(headers):
    got = ask(application(), "POST", PREDICT, {"requests": [{"basket_id": "a"}]}, headers)
    assert got.status == 200
