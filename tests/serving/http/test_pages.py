"""The description for programs and the page for people; what is described is what is answered (schemathesis)."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import CHECKS, load_all_checks

from gapless.errors import DefinitionError
from gapless.serving.http.app import routes
from gapless.serving.http.openapi import openapi
from tests.serving.http.basket import CLICKS, SIGNATURE, Baskets, application, pushing, service
from tests.serving.http.client import ask

load_all_checks()
CHECKS = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
APP = application(pushing=pushing())


async def running(scope, receive, send):
    """The application as it is between its start and its end: a client here would start and end it each time."""
    if scope["type"] == "lifespan":
        for when in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{when}.complete"})
    else:
        await APP(scope, receive, send)


SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", running)


@SCHEMA.parametrize()
@settings(max_examples=20)
def test_what_is_described_is_what_is_answered(case):
    case.call_and_validate(checks=CHECKS)


def test_every_path_is_described():
    described = set(openapi([SIGNATURE], [CLICKS], rows=10)["paths"])
    there = {route.path.replace("{model}", "basket").replace("{source}", "clicks") for route in routes(service())}
    # Left out: the page itself, and what the protocol has beside, of one version and of one model's readiness.
    aside = {path for path in there if "{version}" in path} | {"/v2/models/basket/ready", "/docs"}
    assert described == there - aside


def test_only_models_that_can_be_asked_are_described():
    models = Baskets()
    assert "/v1/models/basket/predict" in ask(application(models), "GET", "/openapi.json").json["paths"]
    models.loaded = False
    assert "/v1/models/basket/predict" not in ask(application(models), "GET", "/openapi.json").json["paths"]


def test_only_sources_that_can_be_pushed_to_are_described():
    found = ask(application(pushing=pushing()), "GET", "/openapi.json").json
    assert "/v1/events/clicks" in found["paths"]
    assert found["components"]["schemas"]["events.clicks"]["required"] == ["at", "id"]
    assert "/v1/events/clicks" not in ask(application(), "GET", "/openapi.json").json["paths"]

    def broken():
        raise DefinitionError("the product does not load")

    got = ask(application(pushing=pushing(sources=broken)), "GET", "/openapi.json")
    assert (got.status, "/v1/models/basket/predict" in got.json["paths"]) == (200, True)


def test_the_page_loads_nothing_from_elsewhere_and_may_not():
    got = ask(application(), "GET", "/docs")
    text, policy = got.body.decode(), got.headers["content-security-policy"]
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#)\w""", text) == []
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode() in policy


@pytest.mark.parametrize("unsafe", ["innerHTML", "outerHTML", "document.write", "eval(", "insertAdjacentHTML"])
def test_the_page_never_makes_markup_of_what_it_reads(unsafe):
    assert unsafe not in ask(application(), "GET", "/docs").body.decode()
