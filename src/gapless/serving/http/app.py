"""The whole server as one ASGI application: paths, and what happens at its start and end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from gapless.serving.http import inference
from gapless.serving.http.describing import describe_model, list_models
from gapless.serving.http.endpoint import Endpoint, Operation
from gapless.serving.http.events import push_events
from gapless.serving.http.features import features
from gapless.serving.http.pages import docs_page, openapi_page
from gapless.serving.http.predictions import predict
from gapless.serving.http.problems import Problem
from gapless.serving.http.reply import Exchange, Reply, problem_reply
from gapless.serving.http.service import Service
from gapless.serving.http.state import alive, metrics, ready

__all__ = ["Application", "routes"]


class Application:
    """ASGI over a service.

    Parameters:
        closing — called in order when the server has answered its last request.
    """

    def __init__(self, service: Service, *, closing: Sequence[Callable[[], None]] = ()) -> None:
        self.service, self._closing = service, closing
        self._nowhere = nowhere = Endpoint(
            service, "other", {method: Operation(_nowhere, None) for method in ("GET", "POST")}
        )
        # uvicorn's lifespan protocol is Starlette's; what goes on in between is ours.
        router = Router(routes(service), default=nowhere, lifespan=self._life, redirect_slashes=False)
        self._handling = ExceptionMiddleware(router, {Exception: self._unforeseen})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One event of the server."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        await self._handling(scope, receive, send)

    async def _unforeseen(self, request: Request, error: Exception) -> Response:
        """Such as what a model's own runtime raises: this request fails, the others do not notice."""
        endpoint: Endpoint = request.scope.get("endpoint", self._nowhere)
        reply = endpoint.unforeseen(request.method, error)
        # Nobody knows how much of the request was read: the connection ends with it.
        return Response(reply.body, reply.status, {"connection": "close"}, reply.content_type)

    @asynccontextmanager
    async def _life(self, app: Any) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.service.models.start)
        gc.collect()
        gc.freeze()  # what is loaded stays: no collection while serving has to walk it, tens of ms each time
        publishing = loop.create_task(self.service.publish_counts())
        try:
            yield
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
            await loop.run_in_executor(None, self._close)

    def _close(self) -> None:
        self.service.threads.close()
        if self.service.pushing is not None:
            self.service.pushing.close()
        self.service.models.close()
        for close in self._closing:
            close()


def routes(service: Service) -> list[Route]:
    """Every path; the one that is asked most comes first."""

    def route(path: str, explain: Callable[[Problem], Reply] = problem_reply, **operations: Operation) -> Route:
        return Route(path, Endpoint(service, path, operations, explain))

    return [
        route("/v1/models/{model}/predict", POST=Operation(predict, "predict")),
        route("/v1/events/{source}", POST=Operation(push_events, "push")),
        route("/v1/features", POST=Operation(features, "read")),
        route("/v1/models", GET=Operation(list_models, "read")),
        route("/v1/models/{model}", GET=Operation(describe_model, "read")),
        route("/healthz", GET=Operation(alive, None)),
        route("/readyz", GET=Operation(ready, None)),
        route("/metrics", GET=Operation(metrics, "read")),
        route("/openapi.json", GET=Operation(openapi_page, "read")),
        route("/docs", GET=Operation(docs_page, None)),
        *(route(path, inference.explain, **operations) for path, operations in inference.PATHS.items()),
    ]


async def _nowhere(service: Service, exchange: Exchange) -> Reply:
    raise Problem(404, "no_such_path", "there is nothing at this path", seen=exchange.path, allowed="see /docs")
