"""From a route to a handler and back: roles, problems, draining and counting, the same for every path."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from gapless.errors import GaplessError
from gapless.ports.metadata import Role
from gapless.serving.http.problems import Problem, internal, problem_of
from gapless.serving.http.reply import Disconnected, Exchange, Reply, problem_reply
from gapless.serving.http.service import Service

__all__ = ["Endpoint", "Handler", "Operation"]

Handler = Callable[[Service, Exchange], Awaitable[Reply]]
_LOG = logging.getLogger("gapless.serving")
_CLIENT_LEFT = 499


@dataclass(frozen=True)
class Operation:
    """What a method of a path does, and the role that it needs; None: nobody is asked for a token."""

    handler: Handler
    role: Role | None


@dataclass(frozen=True)
class Endpoint:
    """One path, as an ASGI application.

    Parameters:
        route — its pattern, the name that it is counted under.
        operations — by method; HEAD is answered where GET is.
        explain — how a problem reads in the protocol of this path.
    """

    service: Service
    route: str
    operations: Mapping[str, Operation]
    explain: Callable[[Problem], Reply] = problem_reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service, began = self.service, self.service.ticks()
        exchange = Exchange(scope, receive)
        status = 500  # of an error that nobody foresaw: see `unforeseen`
        try:
            reply, close = await self._reply(exchange)
            status = reply.status
            await reply.send(send, close=close or service.drain.begun, head=exchange.method == "HEAD")
        except Disconnected:
            status = _CLIENT_LEFT
        finally:
            method = exchange.method if exchange.method in self.operations else "other"
            service.meters.add("gapless_requests", (self.route, method, str(status)))
            service.meters.observe("gapless_request_seconds", (self.route,), service.ticks() - began)

    async def _reply(self, exchange: Exchange) -> tuple[Reply, bool]:
        try:
            operation = self._operation(exchange.method)
            if operation.role is not None:
                self.service.door.enter(exchange, operation.role)
            return await operation.handler(self.service, exchange), False
        except Problem as problem:
            return self._explained(exchange, problem)
        except GaplessError as error:
            found = problem_of(error)
            if found.status >= 500:
                _LOG.error("%s %s: %s", exchange.method, self.route, error)
            return self._explained(exchange, found)

    def unforeseen(self, method: str, error: Exception) -> Reply:
        """What the client is told of an error that nobody foresaw; the log has all of it, and it is counted."""
        _LOG.error("%s %s: an error that nobody foresaw", method, self.route, exc_info=error)
        return self._explained_as(internal())

    def _explained(self, exchange: Exchange, problem: Problem) -> tuple[Reply, bool]:
        return self._explained_as(problem), problem.close or exchange.leaves_much

    def _explained_as(self, problem: Problem) -> Reply:
        self.service.meters.add("gapless_problems", (self.route, problem.code))
        return self.explain(problem)

    def _operation(self, method: str) -> Operation:
        found = self.operations.get("GET" if method == "HEAD" else method)
        if found is None:
            allowed = ", ".join(sorted(self.operations))
            raise Problem(
                405,
                "wrong_method",
                "not this method here",
                seen=method,
                allowed=allowed,
                headers={"allow": allowed},
                close=True,
            )
        return found
