"""POST /v1/models/{model}/predict"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gapless.clock import format_instant
from gapless.serving.answers import Answer, Answered, Answerer
from gapless.serving.http.reply import Exchange, Reply
from gapless.serving.http.service import Service

__all__ = ["Prediction", "Predictions", "predict"]

_ENCODER = msgspec.json.Encoder()


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """One answer, as JSON shows it."""

    request_id: str | int
    as_of: str
    prediction: float | None
    probability: float | None
    trust: str
    reasons: Sequence[Mapping[str, Any]]


class Predictions(msgspec.Struct, frozen=True):
    """The answers of one call, and the version that gave them."""

    model: str
    version: str
    predictions: list[Prediction]


async def predict(service: Service, exchange: Exchange) -> Reply:
    """Predictions for the requests in the body, on disk in the prediction log before they are told."""
    answerer = service.models.get(exchange.params["model"])
    body = await service.body(exchange)
    answered, decode_s = await service.compute(len(body), lambda: _answer(service, answerer, body))
    await service.log_answers(answered)
    service.count(answered)
    service.stage(answered.model, "decode", decode_s)
    return await service.compute(len(body), lambda: _told(service, answered), begun=True)


def _answer(service: Service, answerer: Answerer, body: bytes) -> tuple[Answered, float]:
    began, now_us = service.ticks(), service.clock.now_us()
    rows = service.decoder(answerer.signature).body(body, now_us)
    decode_s = service.ticks() - began
    return answerer.answer(rows, now_us), decode_s


def _told(service: Service, answered: Answered) -> Reply:
    rows = [_prediction(row) for row in answered.rows]
    return Reply(200, _ENCODER.encode(Predictions(answered.model, answered.version, rows)))


def _prediction(row: Answer) -> Prediction:
    at = format_instant(row.as_of_us)
    return Prediction(row.request_id, at, row.prediction, row.probability, row.trust, row.reasons)
