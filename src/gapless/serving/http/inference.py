"""The Open Inference Protocol, version 2, beside our own: `/v2`, with the binary tensor extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from gapless import __version__
from gapless.errors import GaplessError
from gapless.schema import Type
from gapless.serving.answers import Answered, Answerer, Row, Signature, Value
from gapless.serving.http.endpoint import Operation
from gapless.serving.http.problems import Problem
from gapless.serving.http.reply import Exchange, Reply, json_reply
from gapless.serving.http.rows import decode_json, too_many
from gapless.serving.http.service import Service
from gapless.serving.http.tensors import DATATYPES, Tensor, column_of, null_flags, pack, take_binary

__all__ = ["PATHS", "explain", "inputs_of", "outputs_of"]

_LENGTH = "inference-header-content-length"
_ISNULL = "__isnull"


class WantedOutput(msgspec.Struct):
    """An output that is asked for by name."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct):
    """The JSON of a request; members that we do not know are left alone, as the protocol says."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[WantedOutput] = []
    parameters: dict[str, Any] = {}


def explain(problem: Problem) -> Reply:
    """A problem as this protocol tells it: one text; what is 422 elsewhere is 400 here."""
    status = 400 if problem.status == 422 else problem.status
    return json_reply({"error": problem.sentence()}, status, problem.headers)


def inputs_of(signature: Signature) -> list[dict[str, Any]]:
    """The tensors that a request may hold, in the order of its columns."""
    return [{"name": name, "datatype": DATATYPES[kind], "shape": [-1]} for name, kind in signature.columns.items()]


def outputs_of(signature: Signature) -> dict[str, str]:
    """The tensors of an answer and their datatypes."""
    identity = {"request_id": DATATYPES[signature.columns[signature.id]], "as_of": "INT64"}
    probability = {"probability": "FP32"} if signature.probability else {}
    return {"prediction": "FP32", **probability, "trust": "BYTES", "reasons": "BYTES", **identity}


async def server_metadata(service: Service, exchange: Exchange) -> Reply:
    """GET /v2"""
    return json_reply({"name": "gapless", "version": __version__, "extensions": ["binary_tensor_data"]})


async def server_live(service: Service, exchange: Exchange) -> Reply:
    """GET /v2/health/live"""
    return json_reply({"live": True})


async def server_ready(service: Service, exchange: Exchange) -> Reply:
    """GET /v2/health/ready"""
    good = service.ready()
    return json_reply({"ready": good}, 200 if good else 503)


async def model_ready(service: Service, exchange: Exchange) -> Reply:
    """GET /v2/models/{model}/ready"""
    name = exchange.params["model"]
    try:
        _answerer(service, exchange)
    except (Problem, GaplessError):
        return json_reply({"name": name, "ready": False}, 503)
    return json_reply({"name": name, "ready": not service.drain.begun}, 503 if service.drain.begun else 200)


async def model_metadata(service: Service, exchange: Exchange) -> Reply:
    """GET /v2/models/{model}"""
    signature = _answerer(service, exchange).signature
    outputs = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in outputs_of(signature).items()]
    return json_reply(
        {
            "name": signature.model,
            "versions": [signature.version],
            "platform": "gapless",
            "inputs": inputs_of(signature),
            "outputs": outputs,
        }
    )


async def infer(service: Service, exchange: Exchange) -> Reply:
    """POST /v2/models/{model}/infer"""
    answerer, header = _answerer(service, exchange), exchange.header(_LENGTH)
    body = await service.body(exchange)
    asked, answered = await service.compute(len(body), lambda: _answer(service, answerer, body, header))
    await service.log_answers(answered)
    service.count(answered)
    outputs = outputs_of(answerer.signature)
    told = partial(_told, asked, answered, outputs, has_header=header is not None)
    return await service.compute(len(body), told, begun=True)


def _answerer(service: Service, exchange: Exchange) -> Answerer:
    found = service.models.get(exchange.params["model"])
    version = exchange.params.get("version", found.signature.version)
    if version != found.signature.version:
        allowed = found.signature.version
        raise Problem(404, "not_live", "this version is not live", field="version", seen=version, allowed=allowed)
    return found


def _answer(service: Service, answerer: Answerer, body: bytes, header: str | None) -> tuple[Inference, Answered]:
    now_us = service.clock.now_us()
    asked = _parsed(body, header)
    _check_outputs(asked, outputs_of(answerer.signature))
    rows = _rows(asked.inputs, answerer.signature, now_us, service.limits.rows)
    return asked, answerer.answer(rows, now_us)


def _parsed(body: bytes, header: str | None) -> Inference:
    length = len(body) if header is None else _length(header)
    if not 0 <= length <= len(body):
        raise Problem(400, "bad_header", "a length that does not fit the body", field=_LENGTH, seen=header)
    asked: Inference = decode_json(body[:length], Inference, with_nan=True)
    take_binary(asked.inputs, memoryview(body)[length:])
    return asked


def _length(header: str) -> int:
    """-1 for what is no length; more than 18 digits are none that a body has."""
    return int(header) if header.isascii() and header.isdigit() and len(header) <= 18 else -1


def _rows(tensors: Sequence[Tensor], signature: Signature, now_us: int, limit: int) -> list[Row]:
    named = {tensor.name: tensor for tensor in tensors}
    count = _row_count(tensors, limit)
    _check_names(named, tensors, signature)
    columns: dict[str, Sequence[Value]] = {
        name: _column(named, name, kind, count) for name, kind in signature.columns.items()
    }
    _check_ids(columns[signature.id], signature.id)
    columns[signature.time] = [now_us if at is None else at for at in columns[signature.time]]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _row_count(tensors: Sequence[Tensor], limit: int) -> int:
    """The first dimension, which all tensors share; a second one may only be 1."""
    shapes = {tuple(tensor.shape) for tensor in tensors}
    rows = {shape[0] for shape in shapes if shape[1:] in ((), (1,)) and shape}
    if len(rows) != 1 or any(not shape or shape[1:] not in ((), (1,)) for shape in shapes) or min(rows) < 1:
        seen = ", ".join(sorted(map(str, shapes))) or "no inputs"
        raise Problem(
            400, "bad_shape", "shapes that are not one column each", seen=seen, allowed="[n] or [n, 1], n >= 1"
        )
    count = rows.pop()
    if count > limit:
        raise too_many(count, limit)
    return count


def _check_names(named: Mapping[str, Tensor], tensors: Sequence[Tensor], signature: Signature) -> None:
    known = {*signature.columns, *(name + _ISNULL for name in signature.columns)}
    for name in named:
        if name not in known:
            allowed = ", ".join(signature.columns)
            raise Problem(400, "unknown_input", "there is no such input", field=name, allowed=allowed)
    if len(named) != len(tensors):
        raise Problem(400, "input_twice", "an input is there twice")
    if signature.id not in named:
        raise Problem(400, "missing_input", "it is needed", field=signature.id)


def _check_ids(ids: Sequence[Value], name: str) -> None:
    if None in ids:
        raise Problem(400, "bad_tensor", "an id may not be null", field=f"input {name!r}", row=ids.index(None))


def _check_outputs(asked: Inference, outputs: Mapping[str, str]) -> None:
    for one in asked.outputs:
        if one.name not in outputs:
            raise Problem(400, "unknown_output", "there is no such output", field=one.name, allowed=", ".join(outputs))
    if len({one.name for one in asked.outputs}) != len(asked.outputs):  # else a small request has an answer without end
        raise Problem(400, "output_twice", "an output is asked for twice")


def _column(named: Mapping[str, Tensor], name: str, kind: Type, count: int) -> Sequence[Value]:
    values: Sequence[Value] = column_of(named[name], kind, count) if name in named else [None] * count
    if name + _ISNULL not in named:
        return values
    flags = null_flags(named[name + _ISNULL], count)
    return [None if flag else value for flag, value in zip(flags, values, strict=True)]


def _told(asked: Inference, answered: Answered, outputs: Mapping[str, str], *, has_header: bool) -> Reply:
    columns = _columns(answered)
    binary = asked.parameters.get("binary_data_output") is True
    wanted = asked.outputs or [WantedOutput(name) for name in outputs]
    tensors, tails = [], []
    for one in wanted:
        tensor: dict[str, Any] = {"name": one.name, "datatype": outputs[one.name], "shape": [len(answered.rows)]}
        if one.parameters.get("binary_data", binary) is True:
            tails.append(pack(outputs[one.name], columns[one.name]))
            tensor["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            tensor["data"] = columns[one.name]
        tensors.append(tensor)
    document = {"model_name": answered.model, "model_version": answered.version, "outputs": tensors}
    return _reply(document | ({} if asked.id is None else {"id": asked.id}), tails)


def _reply(document: dict[str, Any], tails: Sequence[bytes]) -> Reply:
    head = msgspec.json.encode(document)
    if not tails:
        return Reply(200, head)
    headers = [("inference-header-content-length", str(len(head)))]
    return Reply(200, b"".join([head, *tails]), "application/octet-stream", headers)


def _columns(answered: Answered) -> dict[str, list[Any]]:
    rows = answered.rows
    return {
        "prediction": [row.prediction for row in rows],
        "probability": [row.probability for row in rows],
        "trust": [row.trust for row in rows],
        "reasons": [msgspec.json.encode(row.reasons).decode() for row in rows],
        "request_id": [row.request_id for row in rows],
        "as_of": [row.as_of_us for row in rows],
    }


_METADATA = {"GET": Operation(model_metadata, "read")}
_READY = {"GET": Operation(model_ready, None)}
_INFER = {"POST": Operation(infer, "predict")}
PATHS: Mapping[str, Mapping[str, Operation]] = {
    "/v2/models/{model}/infer": _INFER,
    "/v2/models/{model}/versions/{version}/infer": _INFER,
    "/v2": {"GET": Operation(server_metadata, "read")},
    "/v2/health/live": {"GET": Operation(server_live, None)},
    "/v2/health/ready": {"GET": Operation(server_ready, None)},
    "/v2/models/{model}": _METADATA,
    "/v2/models/{model}/versions/{version}": _METADATA,
    "/v2/models/{model}/ready": _READY,
    "/v2/models/{model}/versions/{version}/ready": _READY,
}
"""Operations by path and method."""
