"""GET /v1/models and /v1/models/{model}: what is live and what it wants to be asked."""

from __future__ import annotations

from typing import Any

from gapless.serving.answers import Signature
from gapless.serving.http.reply import Exchange, Reply, json_reply
from gapless.serving.http.service import Service

__all__ = ["describe_model", "list_models"]


async def list_models(service: Service, exchange: Exchange) -> Reply:
    """Every live model with its version and state."""
    known = service.models.health().models
    return json_reply({"models": [{"model": name, **known.get(name, {})} for name in service.models.models()]})


async def describe_model(service: Service, exchange: Exchange) -> Reply:
    """The signature of a model and the rules that judge its answers."""
    signature = service.models.get(exchange.params["model"]).signature
    state = service.models.health().models.get(signature.model, {})
    return json_reply({**_described(signature), "state": state})


def _described(signature: Signature) -> dict[str, Any]:
    return {
        "model": signature.model,
        "version": signature.version,
        "definition_hash": signature.definition_hash,
        "requests": {
            "columns": {name: kind.value for name, kind in signature.columns.items()},
            "id": signature.id,
            "event_time": signature.time,
            "required": [signature.id],
        },
        "answers": {"probability": signature.probability},
        "features": {name: kind.value for name, kind in signature.features.items()},
        "vector": signature.vector,
        "views": signature.views,
        "trust": dict(signature.trust),
    }
