"""POST /v1/events/{source}"""

from __future__ import annotations

import msgspec

from gapless.serving.http.problems import Problem
from gapless.serving.http.reply import Exchange, Reply
from gapless.serving.http.service import Service

__all__ = ["PushedEvents", "push_events"]

_ENCODER = msgspec.json.Encoder()


class PushedEvents(msgspec.Struct, frozen=True):
    """How many events of a call are in the event log."""

    source: str
    events: int


async def push_events(service: Service, exchange: Exchange) -> Reply:
    """The events in the body are in the event log, durably, before it is told."""
    pushing = service.pushing
    if pushing is None:
        raise Problem(404, "no_event_log", "this server takes no events: it has no event log")
    source = pushing.source(exchange.params["source"])
    body = await service.body(exchange)
    began = service.ticks()
    events = await pushing.push(source, body)
    service.meters.add("gapless_events_pushed", (source.name,), events)
    service.meters.observe("gapless_push_seconds", (source.name,), service.ticks() - began)
    return Reply(200, _ENCODER.encode(PushedEvents(source.name, events)))
