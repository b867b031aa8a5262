"""The OpenAPI description of a server, made from the signatures of the models that are live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gapless import __version__
from gapless.events.valid import Valid
from gapless.product import EventSource
from gapless.schema import Type
from gapless.serving.answers import Signature
from gapless.serving.http.inference import inputs_of, outputs_of
from gapless.serving.http.rows import FIRST_US, LAST_US

__all__ = ["openapi"]

Document = dict[str, Any]

_INSTANT: Document = {
    "description": "RFC 3339 text, or whole microseconds since 1970-01-01 UTC",
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": FIRST_US, "maximum": LAST_US},
    ],
}
_JSON_TYPES: dict[Type, Document] = {
    Type.FLOAT: {"type": "number"},
    Type.INT: {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
    Type.BOOL: {"type": "boolean"},
    Type.STRING: {"type": "string"},
    Type.TIMESTAMP: _INSTANT,
}
_TRUST = {"type": "string", "enum": ["ok", "degraded", "unreliable"]}
_ABOUT = "Predictions that say how far to trust them."
_ANY: Document = {"type": "object", "additionalProperties": True}
_KEYS = _ANY | {"description": "every key that the views are read by; null: there is no such entity"}
_READING = (401, 403, 404, 429, 503)
_ASKING = (400, 401, 403, 404, 408, 413, 415, 422, 429, 503, 504)
_SHORT = {
    400: "The body is no JSON, or no such tensors.",
    401: "No token, or none that is in force.",
    403: "The token's role does not allow it, or the request comes from elsewhere.",
    404: "No such model is live.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or has too many rows.",
    415: "The body is compressed.",
    422: "A value that does not fit: the error names row and field.",
    429: "Too many requests for this token.",
    503: "Not now: see Retry-After.",
    504: "The answer took too long.",
}


def openapi(signatures: Iterable[Signature], sources: Iterable[EventSource] = (), *, rows: int) -> Document:
    """OpenAPI 3.1 of a server on which these models are live, and events of these sources can be pushed.

    Parameters:
        rows — the most that one call may hold.
    """
    models, pushed = list(signatures), list(sources)
    paths = {**_common(models), **_views()}
    for signature in models:
        paths |= _model_paths(signature, rows)
    for source in pushed:
        paths |= _source_path(source, rows)
    events_of = {f"events.{source.name}": _event_schema(source) for source in pushed}
    rows_of = {f"requests.{signature.model}": _row_schema(signature) for signature in models}
    return {
        "openapi": "3.1.0",
        "info": {"title": "gapless", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": {"Problem": _problem(), "Reason": _reason(), **rows_of, **events_of},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _model_paths(signature: Signature, rows: int) -> Document:
    name = signature.model
    many = _many(f"requests.{name}", rows)
    return {
        f"/v1/models/{name}/predict": {
            "post": _operation(
                f"Predict with {name}, version {signature.version}",
                "predictions",
                _predictions(signature),
                body=_object({"requests": many}, ["requests"]),
                problems=_ASKING,
            )
        },
        f"/v1/models/{name}": {"get": _operation(f"What {name} wants to be asked", "models", _ANY, problems=_READING)},
        f"/v2/models/{name}": {
            "get": _operation(f"{name}, as Open Inference Protocol", "inference", _ANY, problems=_READING)
        },
        f"/v2/models/{name}/infer": {
            "post": _operation(
                f"Predict with {name}, as Open Inference Protocol; binary tensors are taken too",
                "inference",
                _ANY,
                body=_tensors(signature),
                problems=_ASKING,
            )
        },
    }


def _source_path(source: EventSource, rows: int) -> Document:
    answer = _object({"source": {"type": "string"}, "events": {"type": "integer"}}, ["source", "events"])
    body = _object({"events": _many(f"events.{source.name}", rows)}, ["events"])
    summary = f"Push events of {source.name}; they are in the event log when this is answered"
    path = f"/v1/events/{source.name}"
    return {path: {"post": _operation(summary, "events", answer, body=body, problems=_ASKING)}}


def _common(models: list[Signature]) -> Document:
    plain = {
        "/v1/models": ("Every live model", "models", (401, 403, 429, 503)),
        "/healthz": ("The process runs", "state", ()),
        "/readyz": ("Whether requests are welcome", "state", (503,)),
        "/metrics": ("Counts, for Prometheus", "state", (401, 403, 429, 503)),
        "/openapi.json": ("This description", "state", (401, 403, 429, 503)),
        "/v2": ("The server, as Open Inference Protocol", "inference", (401, 403, 429, 503)),
        "/v2/health/live": ("The process runs", "inference", ()),
        "/v2/health/ready": ("Whether requests are welcome", "inference", (503,)),
    }
    media = {"/metrics": "text/plain"}
    return {
        path: {"get": _operation(text, tag, _ANY, problems=problems, media=media.get(path, "application/json"))}
        for path, (text, tag, problems) in plain.items()
    }


def _views() -> Document:
    of_model = _object({"model": {"type": "string"}, "requests": _some(_ANY)}, ["model", "requests"])
    of_views = _object({"views": _some({"type": "string"}), "rows": _some(_KEYS), "at": _INSTANT}, ["views", "rows"])
    freshness = {"as_of": _or_null({"type": "string"}), "age_us": _or_null({"type": "integer"})}
    views = {"type": "object", "additionalProperties": {"type": "object", "properties": freshness}}
    row = _object(
        {"as_of": {"type": "string"}, "values": _ANY, "reasons": {"type": "array", "items": _ANY}}, ["values"]
    )
    row["additionalProperties"] = True  # what was asked: request_id, or keys
    answer = _object({"features": {"type": "array", "items": row}, "views": views}, ["features", "views"])
    summary = "Features alone, and how fresh each view is"
    return {
        "/v1/features": {
            "post": _operation(summary, "features", answer, body={"oneOf": [of_model, of_views]}, problems=_ASKING)
        }
    }


def _operation(
    summary: str,
    tag: str,
    answer: Document,
    *,
    body: Document | None = None,
    problems: tuple[int, ...],
    media: str = "application/json",
) -> Document:
    failed = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    taken = {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}
    return {
        "summary": summary,
        "tags": [tag],
        **({} if body is None else taken),
        "responses": {
            "200": {
                "description": "Done.",
                "content": {media: {"schema": answer if media == "application/json" else {}}},
            },
            **{str(status): {"description": _SHORT[status], **failed} for status in problems},
        },
    }


def _row_schema(signature: Signature) -> Document:
    """A request of a model."""
    columns = {
        name: _JSON_TYPES[kind] if name == signature.id else _or_null(_JSON_TYPES[kind])
        for name, kind in signature.columns.items()
    }
    absent = {**columns[signature.time], "description": "The instant of the request; absent: now."}
    return _object({**columns, signature.time: absent}, [signature.id])


def _event_schema(source: EventSource) -> Document:
    """An event of a source."""
    needed = list(Valid(source).needed)
    columns = {
        name: _JSON_TYPES[kind] if name in needed else _or_null(_JSON_TYPES[kind])
        for name, kind in source.columns.columns
    }
    return _object(columns, needed)


def _predictions(signature: Signature) -> Document:
    row = {
        "request_id": _JSON_TYPES[signature.columns[signature.id]],
        "as_of": {"type": "string", "format": "date-time"},
        "prediction": _or_null({"type": "number"}),
        "probability": _or_null({"type": "number"}),
        "trust": _TRUST,
        "reasons": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
    }
    rows = {"type": "array", "items": _object(row, list(row))}
    whole = {"model": {"type": "string"}, "version": {"type": "string"}, "predictions": rows}
    return _object(whole, list(whole))


def _tensors(signature: Signature) -> Document:
    kinds = {str(one["datatype"]) for one in inputs_of(signature)} | {"BOOL", "FP32"}
    names = [*signature.columns, *(f"{name}__isnull" for name in signature.columns)]
    tensor = {
        "name": {"type": "string", "enum": names},
        "datatype": {"type": "string", "enum": sorted(kinds)},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
        "data": {"type": "array"},
    }
    output = _object({"name": {"type": "string", "enum": list(outputs_of(signature))}}, ["name"])
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "inputs": _some(_object(tensor, ["name", "datatype", "shape", "data"])),
            "outputs": {"type": "array", "items": output},
        },
        "required": ["inputs"],
    }


def _problem() -> Document:
    facts = {"code": {"type": "string"}, "message": {"type": "string"}, "row": {"type": "integer"}}
    facts |= {"field": {"type": "string"}, "seen": {}, "allowed": {"type": "string"}}
    error = {"anyOf": [{"type": "object", "properties": facts, "required": ["code", "message"]}, {"type": "string"}]}
    return {"type": "object", "properties": {"error": error}}


def _reason() -> Document:
    known = {"code": {"type": "string"}, "level": _TRUST}
    return {"type": "object", "properties": known, "required": ["code", "level"], "additionalProperties": True}


def _object(properties: Mapping[str, Any], required: list[str]) -> Document:
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def _many(schema: str, rows: int) -> Document:
    return {**_some({"$ref": f"#/components/schemas/{schema}"}), "maxItems": rows}


def _some(items: Document) -> Document:
    return {"type": "array", "items": items, "minItems": 1}


def _or_null(schema: Document) -> Document:
    found = schema.get("type")
    if isinstance(found, str):
        return {**schema, "type": [found, "null"]}
    return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
