"""The client of a package against a real server, and the model of it with what that server looked up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import gapless as gl
from gapless.cli import main
from gapless.deploying import issue
from scripts.servers import NPM_PINS
from tests.cli.shop import copy
from tests.exporting.packages import built, in_node

REQUESTS = [
    {"checkout_id": "a", "customer_id": "c1", "amount": 55.5, "asked_at": "2024-02-10T00:00:00Z"},
    {"checkout_id": "b", "customer_id": "c2", "amount": None, "asked_at": "2024-02-10T01:02:03.000004+01:00"},
    {"checkout_id": "c", "customer_id": "nobody", "amount": 1e9, "asked_at": "2024-02-01T00:00:00Z"},
    {"checkout_id": "d", "asked_at": "2024-08-01T00:00:00Z"},
]
TOKENS = {"predict": "predict", "read": "read", "slow": "predict"}


@pytest.fixture(scope="module")
def told(shop: Path, tmp_path_factory: Any) -> dict[str, Any]:
    """What the client was told, and what Python's client is told of the same requests."""
    home = tmp_path_factory.mktemp("client")
    folder, package = copy(shop, home / "shop"), home / "package"
    words = [
        "export",
        "typescript",
        "will_return",
        str(package),
        "--version",
        "1",
        "--workspace",
        str(folder),
        "--json",
    ]
    assert main(words) == 0
    tokens = {name: token(folder, name, role, rate=1 if name == "slow" else None) for name, role in TOKENS.items()}
    with served(folder) as url:
        asked = {"url": url, "tokens": tokens, "requests": REQUESTS}
        found: dict[str, Any] = in_node(built(package), NPM_PINS / "client.mjs", asked)
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {tokens['predict']}"}, timeout=60) as client:
            for name, path, body in (
                ("python", "/v1/models/will_return/predict", {"requests": REQUESTS}),
                ("python features", "/v1/features", {"model": "will_return", "requests": REQUESTS}),
            ):
                found[name] = client.post(path, json=body).raise_for_status().json()
    return found


def token(folder: Path, name: str, role: Any, rate: float | None) -> str:
    """A token in force."""
    metadata = gl.Workspace.open(folder).metadata
    made = issue(name, role, random_bytes=lambda n: name.encode().ljust(n, b"x")[:n], now_us=0, per_second=rate)
    metadata.tokens.add(made.token, by="test")
    return made.text


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server that asks for tokens."""
    command = [sys.executable, "-m", "gapless", "serve", "--port", "0", "--drain", "0", "--tokens", "--json"]
    process = subprocess.Popen([*command, "--workspace", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(60)


def test_predictions_are_those_of_any_client(told: dict[str, Any]) -> None:
    assert told["predictions"] == told["python"]
    assert {row["trust"] for row in told["python"]["predictions"]} >= {"degraded"}


def test_features_are_those_of_any_client(told: dict[str, Any]) -> None:
    assert told["features"]["features"] == told["python features"]["features"]
    assert told["view features"][0]["values"] == {
        name: value for name, value in told["features"]["features"][0]["values"].items() if name.startswith("spend")
    }


def test_the_model_here_answers_as_the_server_does(told: dict[str, Any]) -> None:
    """Looked up by the server, computed, scored and judged by the package."""
    here = [{name: row[name] for name in row if name not in ("model", "version")} for row in told["here"]]
    assert here == told["python"]["predictions"]


def test_refusals_are_typed_errors(told: dict[str, Any]) -> None:
    errors = told["errors"]
    assert errors["wrong value"] == ["InvalidRequest", 422, "wrong_type", 1, "amount"]
    assert errors["no token"][:3] == ["Unauthorized", 401, "no_token"]
    assert errors["bad token"][:3] == ["Unauthorized", 401, "bad_token"]
    assert errors["role"][:3] == ["Forbidden", 403, "role"]
    assert errors["no view"][:3] == ["NotFound", 404, "not_found"]
    assert errors["timeout"][:3] == ["TimedOut", None, "timed_out"]
    assert errors["nobody there"][:3] == ["ConnectionFailed", None, "no_connection"]
    assert told["aborted"] == "the page was left"


def test_what_was_refused_for_a_while_succeeds(told: dict[str, Any]) -> None:
    assert told["after 503"] == {"tries": 3, "version": "1"}
    assert told["after 429"]["versions"] == ["1"] * 3
    assert told["after 429"]["pauses"] > 0
