"""An HTTP answer, and how a body is read: the few lines of ASGI that everything stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from gapless.serving.http.problems import Problem

__all__ = ["Disconnected", "Exchange", "Reply", "json_reply", "problem_reply"]

JSON = "application/json"


class Disconnected(Exception):
    """The client went away: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and headers."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = field(default=())

    async def send(self, send: Send, *, close: bool = False, head: bool = False) -> None:
        """Parameters: close — the connection ends after it; head — headers alone."""
        headers = [
            (b"content-type", self.content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(self.body)),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers),
        ]
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def json_reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Plain values or msgspec structs, as JSON."""
    return Reply(status, msgspec.json.encode(document), JSON, tuple((headers or {}).items()))


def problem_reply(problem: Problem) -> Reply:
    """A problem as its document."""
    return json_reply(problem.document(), problem.status, problem.headers)


class Exchange:
    """One request as a handler sees it: path parameters, headers, and the body on demand."""

    __slots__ = ("_headers", "_receive", "_taken", "method", "params", "path", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self._receive = scope, receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.params: Mapping[str, str] = scope.get("path_params", {})
        self._headers: dict[bytes, bytes] | None = None
        self._taken = False

    def header(self, name: str) -> str | None:
        """A header by its name in lower case; the last, where it is there twice."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        found = self._headers.get(name.encode("latin-1"))
        return None if found is None else found.decode("latin-1")

    @property
    def leaves_much(self) -> bool:
        """Whether a body was announced that is not worth reading only to keep the connection: 100 kB, or no end."""
        length = self.header("content-length")
        endless = length is None and self.header("transfer-encoding") is not None
        return not self._taken and (endless or len(length or "") > 5)

    async def body(self, limit: int, seconds: float) -> bytes:
        """The whole body.

        Raises: Problem 413 as soon as more than `limit` bytes came or are announced, 408 where it takes longer than
            `seconds`, 415 for a compressed one; Disconnected.
        """
        self._taken = True
        if self.header("content-encoding") not in (None, "identity"):
            raise Problem(415, "compressed", "a compressed body is not read", allowed="no Content-Encoding", close=True)
        announced = self.header("content-length")
        if announced is not None and announced.isdecimal() and int(announced) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(seconds):  # from the first byte on, which may be the one that never comes
                return await self._whole(limit)
        except TimeoutError:
            raise Problem(
                408, "slow_body", "the body did not arrive in time", allowed=f"{seconds:g} s", close=True
            ) from None

    async def _whole(self, limit: int) -> bytes:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):  # nearly always
            whole: bytes = message.get("body", b"")
            _check(whole, limit)
            return whole
        parts = bytearray()
        while True:
            if message["type"] != "http.request":
                raise Disconnected
            parts += message.get("body", b"")
            _check(parts, limit)
            if not message.get("more_body", False):
                return bytes(parts)
            message = await self._receive()


def _check(body: bytes | bytearray, limit: int) -> None:
    if len(body) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", "the body is larger than this server takes", allowed=f"{limit} bytes", close=True)
