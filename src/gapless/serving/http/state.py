"""GET /healthz, /readyz and /metrics: how the server is."""

from __future__ import annotations

from typing import Any

from gapless.serving.http.exposition import CONTENT_TYPE, exposed
from gapless.serving.http.meters import summed
from gapless.serving.http.problems import Problem
from gapless.serving.http.reply import Exchange, Reply, json_reply
from gapless.serving.http.service import Service

__all__ = ["alive", "metrics", "ready"]


async def alive(service: Service, exchange: Exchange) -> Reply:
    """The process runs and its event loop turns."""
    return json_reply({"alive": True})


async def ready(service: Service, exchange: Exchange) -> Reply:
    """200 while requests are welcome, else 503; and what is the matter, for who may read."""
    good = service.ready()
    details = _details(service) if _may_read(service, exchange) else {}
    return json_reply({"ready": good, "draining": service.drain.begun, **details}, 200 if good else 503)


def _details(service: Service) -> dict[str, Any]:
    health = service.models.health()
    parts = {**health.parts, "log": service.acknowledging.failure()}
    return {"models": health.models, "parts": {name: text or "ok" for name, text in parts.items()}}


def _may_read(service: Service, exchange: Exchange) -> bool:
    try:
        service.door.enter(exchange, "read")
    except Problem:
        return False
    return True


async def metrics(service: Service, exchange: Exchange) -> Reply:
    """The counts of all processes of this server, for Prometheus."""
    return Reply(200, exposed(summed(service.snapshots())), CONTENT_TYPE)
