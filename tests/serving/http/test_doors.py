"""Who may do what, with tokens in a real database; and that a token is in no log."""

from __future__ import annotations

import logging

import pytest

from gapless.adapters.sql import SqlMetadata
from gapless.clock import SystemClock
from gapless.deploying import Guard, issue
from gapless.serving.http import GuardedDoor, LocalDoor
from tests.serving.http.basket import Baskets, application, pushing
from tests.serving.http.client import ask

PREDICT = ("POST", "/v1/models/basket/predict", {"requests": [{"basket_id": "a"}]})
INFER = ("POST", "/v2/models/basket/infer", {"inputs": []})
PUSH = ("POST", "/v1/events/clicks", {"events": [{"id": "a", "at": 5}]})
READ = [
    ("GET", "/v1/models", b""),
    ("GET", "/v1/models/basket", b""),
    ("POST", "/v1/features", {"model": "basket", "requests": [{"basket_id": "a"}]}),
    ("GET", "/metrics", b""),
    ("GET", "/openapi.json", b""),
    ("GET", "/v2", b""),
    ("GET", "/v2/models/basket", b""),
]
OPEN = [("GET", path, b"") for path in ("/healthz", "/readyz", "/docs", "/v2/health/live", "/v2/health/ready")]


@pytest.fixture
def tokens(tmp_path):
    metadata = SqlMetadata(f"sqlite:///{tmp_path}/metadata.db")
    yield metadata.tokens
    metadata.close()


def made(tokens, name, role, **more):
    counter = iter(range(1_000_000))

    def bytes_of(count):
        return f"{name}{next(counter)}".encode().ljust(count, b"\1")[:count]

    issued = issue(name, role, random_bytes=bytes_of, now_us=SystemClock().now_us(), **more)
    tokens.add(issued.token)
    return {"authorization": f"Bearer {issued.text}"}


def guarded(tokens, models=None):
    guard = Guard(tokens, SystemClock(), monotonic=lambda: 0.0)
    guard.refresh()
    return application(models, door=GuardedDoor(guard), pushing=pushing())


def test_each_path_asks_for_its_role(tokens):
    read, predict, push = (made(tokens, role, role) for role in ("read", "predict", "push"))
    app = guarded(tokens)
    for request in [*READ, PREDICT, INFER, PUSH]:
        nobody = ask(app, *request)
        assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer"), request
        assert ask(app, *request, {"authorization": "Bearer gl_x"}).status == 401
    for request in READ:
        assert ask(app, *request, read).status == 200, request
        assert ask(app, *request, predict).status == 200, request
    for request in (PREDICT, INFER):
        assert ask(app, *request, read).status == 403
        assert ask(app, *request, predict).status in (200, 400)
    for request in [*READ, PREDICT]:
        assert ask(app, *request, push).status == 403, request
    assert [ask(app, *PUSH, who).status for who in (read, predict, push)] == [403, 403, 200]
    for request in OPEN:
        assert ask(app, *request).status == 200, request


def test_readiness_tells_what_is_the_matter_only_to_who_may_read(tokens):
    read = made(tokens, "r", "read")
    models = Baskets()
    models.away = "redis://secret-host:6379 does not answer"
    app = guarded(tokens, models)
    assert ask(app, "GET", "/readyz").json == {"ready": False, "draining": False}
    assert ask(app, "GET", "/readyz", b"", read).json["parts"]["online"] == models.away


def test_a_token_has_its_rate(tokens):
    slow = made(tokens, "slow", "predict", per_second=2.0)
    app = guarded(tokens)
    got = [ask(app, *PREDICT, slow) for _ in range(3)]
    assert [one.status for one in got] == [200, 200, 429]
    assert int(got[2].headers["retry-after"]) >= 1


def test_tokens_that_could_not_be_read_yet_let_nobody_in(tokens):
    header = made(tokens, "p", "predict")
    app = application(door=GuardedDoor(Guard(tokens, SystemClock(), monotonic=lambda: 0.0)))
    assert ask(app, *PREDICT, header).status == 503


def test_no_token_and_no_body_is_logged(tokens, caplog):
    caplog.set_level(logging.DEBUG)
    header = made(tokens, "p", "predict")
    models = Baskets()
    app = guarded(tokens, models)
    for away in (None, "no answer"):
        models.away = away
        for request in [PREDICT, INFER, *READ]:
            ask(app, *request, header)
            ask(app, *request, {"authorization": header["authorization"] + "x"})
    secret = header["authorization"].rpartition("_")[2]
    assert secret not in caplog.text
    assert "basket_id" not in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8000"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({}, 200),
        ({"host": "127.0.0.1:8000", "origin": "http://localhost:8000"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "https://evil.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "null"}, 403),
        ({"host": "[", "origin": "http://["}, 403),
    ],
)
def test_without_tokens_only_this_machine_is_answered_and_no_page_of_another_site(headers, status):
    app = application(door=LocalDoor())
    assert ask(app, *PREDICT, headers).status == status
    assert ask(app, "GET", "/v1/models", b"", headers).status == status


@pytest.mark.parametrize(
    ("announced", "closes"), [({"content-length": "99"}, False), ({"content-length": "9999999999"}, True)]
)
def test_nobody_s_body_is_not_read(tokens, announced, closes):
    got = ask(guarded(tokens), "POST", PREDICT[1], b"x", announced)
    assert (got.status, got.headers.get("connection") == "close") == (401, closes)
