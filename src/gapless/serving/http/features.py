"""POST /v1/features: features alone, of a model's requests or of views' entities, with how fresh each view is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from gapless.clock import format_instant
from gapless.schema import Schema
from gapless.serving.answers import Features, Freshness
from gapless.serving.http.problems import Problem
from gapless.serving.http.reply import Exchange, Reply, json_reply
from gapless.serving.http.rows import RowDecoder, checked_instant, decode_json, instant_of, plain
from gapless.serving.http.service import Service

__all__ = ["FeaturesAsked", "features"]


_SHAPES = '{"model": NAME, "requests": [{…}]} or {"views": [NAME, …], "rows": [{KEY: …}], "at": "2013-12-01T10:15:00Z"}'


class FeaturesAsked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The body: `model` with `requests`, or `views` with `rows` of entity keys and, maybe, `at`."""

    model: str | None = None
    requests: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    views: Sequence[str] | None = None
    rows: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    at: datetime | int | None = None


async def features(service: Service, exchange: Exchange) -> Reply:
    """Features by row, and by view the instant up to which its state knows everything."""
    body = await service.body(exchange)
    return await service.compute(len(body), lambda: _reply(service, body))


def _reply(service: Service, body: bytes) -> Reply:
    asked, now_us = decode_json(body, FeaturesAsked, shape=_SHAPES), service.clock.now_us()
    if asked.model is not None and isinstance(asked.requests, msgspec.Raw) and not asked.views:
        found, ids = _of_model(service, asked.model, asked.requests, now_us)
    elif asked.views and isinstance(asked.rows, msgspec.Raw) and asked.model is None:
        found, ids = _of_views(service, asked, asked.rows, now_us)
    else:
        raise Problem(422, "wrong_shape", "either requests of a model, or rows of keys of views", allowed=_SHAPES)
    return json_reply({"features": _rows(found, ids), "views": {name: _view(one) for name, one in found.views.items()}})


def _of_model(service: Service, model: str, requests: msgspec.Raw, now_us: int) -> tuple[Features, list[Any]]:
    answerer = service.models.get(model)
    rows = service.decoder(answerer.signature).rows(requests, now_us)
    return answerer.features(rows, now_us), [{"request_id": row[answerer.signature.id]} for row in rows]


def _of_views(service: Service, asked: FeaturesAsked, keys: msgspec.Raw, now_us: int) -> tuple[Features, list[Any]]:
    views = list(dict.fromkeys(asked.views or ()))
    columns = service.models.view_keys(views)
    rows = _key_decoder(columns, service.limits.rows).rows(keys, now_us)
    at = [now_us if asked.at is None else _instant(asked.at)] * len(rows)
    shown = [{"keys": {name: plain(row[name], kind) for name, kind in columns.items()}} for row in rows]
    return service.models.view_features(views, rows, at, now_us), shown


@lru_cache(maxsize=64)
def _key_decoder(columns: Schema, limit: int) -> RowDecoder:
    return RowDecoder(columns, complete=True, member="rows", limit=limit)


def _instant(at: datetime | int) -> int:
    return checked_instant(at if isinstance(at, int) else instant_of(at), field="at")


def _rows(found: Features, ids: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **one,
            "as_of": format_instant(at),
            "values": {name: plain(row[name], kind) for name, kind in found.types.items()},
            "reasons": reasons,
        }
        for one, at, row, reasons in zip(ids, found.at_us, found.rows, found.reasons, strict=True)
    ]


def _view(one: Freshness) -> dict[str, Any]:
    as_of = None if one.as_of_us is None else format_instant(one.as_of_us)
    return {"as_of": as_of, "age_us": one.age_us, "expected_us": one.expected_us}
