"""GET /openapi.json and /docs: the description of the server for programs, and a page of it for people."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from gapless.errors import GaplessError
from gapless.product import EventSource
from gapless.serving.answers import Models, Signature
from gapless.serving.http.openapi import openapi
from gapless.serving.http.pushing import Pushing
from gapless.serving.http.reply import Exchange, Reply, json_reply
from gapless.serving.http.service import Service

__all__ = ["docs_page", "openapi_page"]


async def openapi_page(service: Service, exchange: Exchange) -> Reply:
    """The description, of the models that are live now and the sources that take events."""
    return json_reply(openapi(_signatures(service.models), _sources(service.pushing), rows=service.limits.rows))


async def docs_page(service: Service, exchange: Exchange) -> Reply:
    """A page that reads the description and lets a person try it; it loads nothing from anywhere else."""
    page, policy = _page()
    headers = [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ]
    return Reply(200, page, "text/html; charset=utf-8", headers)


def _signatures(models: Models) -> Iterator[Signature]:
    for name in models.models():
        with suppress(GaplessError):  # live and not loaded: it cannot be asked now
            yield models.get(name).signature


def _sources(pushing: Pushing | None) -> Iterator[EventSource]:
    with suppress(GaplessError):  # a product that does not load: who pushes is told
        yield from {} if pushing is None else pushing.sources().values()


@cache
def _page() -> tuple[bytes, str]:
    """The page, and the policy by which a browser runs its own script and style and no other."""
    text = Path(__file__).with_name("docs.html").read_text(encoding="utf-8")
    policy = "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'; "
    policy += f"script-src {_hash_of(text, 'script')}; style-src {_hash_of(text, 'style')}"
    return text.encode(), policy


def _hash_of(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()}'"
