"""The records of answers: JSON for everybody; in headers the log entry, and where the group goes on after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pyarrow as pa

from gapless.clock import format_instant
from gapless.errors import GaplessError
from gapless.ports.events import MAX_RECORD_BYTES, LogRecord, Outgoing, TopicPartition
from gapless.serving.answers import Answered, Row

__all__ = ["ENTRY_HEADER", "answer_record", "decode_next", "refusal_record", "rows_of", "with_next"]

ENTRY_HEADER = "gapless-entry"
_NEXT_HEADER = "gapless-next"
_SHOWN = 1_000  # characters of what is told of a request that cannot be answered
_ENCODER = msgspec.json.Encoder()


def rows_of(batch: pa.RecordBatch, names: Sequence[str]) -> Iterator[Row]:
    """Rows as a model is asked: an instant is whole µs."""
    columns = [batch.column(name) for name in names]
    plain = [(c.view(pa.int64()) if pa.types.is_timestamp(c.type) else c).to_pylist() for c in columns]
    for values in zip(*plain, strict=True):
        yield dict(zip(names, values, strict=True))


def answer_record(partition: int, answered: Answered) -> Outgoing | None:
    """The record of the one answer of a call; None where it is larger than a record may be."""
    (answer,), (entry,) = answered.rows, answered.log_entries
    told = {
        "request_id": answer.request_id,
        "as_of": format_instant(answer.as_of_us),
        "model": answered.model,
        "version": answered.version,
        "prediction": answer.prediction,
        "probability": answer.probability,
        "trust": answer.trust,
        "reasons": answer.reasons,
    }
    value, key = _ENCODER.encode(told), str(answer.request_id).encode()
    if len(value) + len(key) + len(entry) > MAX_RECORD_BYTES:
        return None
    return Outgoing(partition, value, key, {"gapless-format": b"json", ENTRY_HEADER: entry})


def refusal_record(partition: int, model: str, name: Any, at_us: int, error: Exception) -> Outgoing:
    """The record of a request that has no answer, and why."""
    shown = name if isinstance(name, int) else str(name)[:_SHOWN]
    plain = {"error": type(error).__name__, "what": str(error)[:_SHOWN]}
    why = error.to_dict() if isinstance(error, GaplessError) else plain
    told = {"request_id": shown, "as_of": format_instant(at_us), "model": model, "error": why}
    return Outgoing(partition, _ENCODER.encode(told), str(shown).encode())


def with_next(record: Outgoing, partition: TopicPartition, offset: int) -> Outgoing:
    """The record, saying at which offset of a partition of requests answering goes on once it is in the log."""
    told = f"{partition.topic}:{partition.partition}:{offset}".encode()
    return replace(record, headers={**record.headers, _NEXT_HEADER: told})


def decode_next(record: LogRecord) -> tuple[TopicPartition, int] | None:
    """(partition of requests, offset) that `with_next` wrote; None where there is none."""
    topic, _, places = record.headers.get(_NEXT_HEADER, b"").partition(b":")
    partition, _, offset = places.partition(b":")
    if not (topic and partition.isdigit() and offset.isdigit()):
        return None
    return TopicPartition(topic.decode(errors="replace"), int(partition)), int(offset)
