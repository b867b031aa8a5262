"""Who may come in."""

from __future__ import annotations

import math
from typing import Protocol
from urllib.parse import urlsplit

from gapless.deploying import Denial, Guard
from gapless.ports.metadata import Role
from gapless.serving.http.problems import Problem
from gapless.serving.http.reply import Exchange

__all__ = ["Door", "GuardedDoor", "LocalDoor", "OpenDoor"]

_LOCAL = {"localhost", "127.0.0.1", "::1"}


class Door(Protocol):
    """Asked before anything of a request is looked at but its head."""

    def enter(self, exchange: Exchange, role: Role) -> None:
        """Returns where the request may do what the role may. Raises: Problem 401, 403 or 429."""
        ...


class OpenDoor:
    """Everybody may do everything: what the operator asked for with --insecure."""

    def enter(self, exchange: Exchange, role: Role) -> None:
        """Returns."""


class LocalDoor:
    """Everybody on this machine, while the server listens on loopback alone.

    A page in a browser of this machine is not everybody: one of another site says so by its Origin, and one that makes
    its own name lead here says so by its Host. Both are refused.
    """

    def enter(self, exchange: Exchange, role: Role) -> None:
        """Raises: Problem 403 for what a page of another site sends."""
        host = exchange.header("host")
        if host is not None and _hostname(f"//{host}") not in _LOCAL:
            raise _elsewhere("host", host)
        origin = exchange.header("origin")
        if origin is not None and _hostname(origin) not in _LOCAL:
            raise _elsewhere("origin", origin)


class GuardedDoor:
    """Who has a token in force, with the role that is needed, and not too often."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def enter(self, exchange: Exchange, role: Role) -> None:
        """Raises: Problem 401, 403, 429 or, before the tokens were read, 503."""
        found = self._guard.admit(exchange.header("authorization"), role)
        if isinstance(found, Denial):
            challenge = {"www-authenticate": "Bearer"} if found.status == 401 else {}
            after = math.ceil(found.retry_after_s) or None
            raise Problem(found.status, found.code, found.message, retry_after_s=after, headers=challenge)


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # a bracket that is not closed
        return None


def _elsewhere(header: str, seen: str) -> Problem:
    allowed = "localhost, 127.0.0.1 or [::1] while the server takes requests without tokens"
    return Problem(
        403, "elsewhere", "this server answers its own machine only", field=header, seen=seen, allowed=allowed
    )
