"""The value of a record: one or many events of a source, as JSON or as an Arrow stream.

    header gapless-format: json     [{"flight_id": "f1", "dep_delay": 3.5, "departed_at": 1356998400000000,
                                      "_known_at": 1356998400000000}, …]       times are whole microseconds UTC
    header gapless-format: arrow    an Arrow IPC stream with the source's columns and _known_at
    no such header                  JSON of a producer of somebody else: an object or an array of objects, by the rules
                                    that `gapless ingest` has for JSON lines

Arrow is written uncompressed: lz4 takes a fifth off the bytes and ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from gapless.arrow import KNOWN_AT
from gapless.errors import InputError
from gapless.ingest.clean import table_schema
from gapless.ports.events import MAX_EVENTS, MAX_RECORD_BYTES
from gapless.product import EventSource

__all__ = ["ARROW", "FORMAT", "JSON", "Payload", "pack_batch", "pack_rows"]

FORMAT = "gapless-format"
"""The header that says how a value is written."""
JSON, ARROW = b"json", b"arrow"

Payload = tuple[bytes, dict[str, bytes]]
"""The value and the headers of a record."""

_encode = msgspec.json.Encoder().encode


def pack_rows(source: EventSource, rows: Sequence[Mapping[str, Any]], known_us: Sequence[int]) -> list[Payload]:
    """The rows as JSON, in order, in as few values as a log takes.

    Parameters:
        rows — by column: float, str, bool, int (whole microseconds UTC for a datetime column) or None; columns that the
            source does not have are left out. Values are not checked: who takes the events in does.
        known_us — when each became known.

    Raises: InputError for a row that is larger than a record may be.

    Examples:
        >>> from datetime import datetime
        >>> source = EventSource("clicks", schema={"page": str, "at": datetime}, event_time="at")
        >>> pack_rows(source, [{"page": "home", "at": 7}, {"page": None, "at": 8}], [9, 9])
        [(b'[{"page":"home","at":7,"_known_at":9},{"at":8,"_known_at":9}]', {'gapless-format': b'json'})]
    """
    columns = list(source.columns)
    encoded = (_encode_row(row, columns, us) for row, us in zip(rows, known_us, strict=True))
    return [(b"[" + b",".join(group) + b"]", {FORMAT: JSON}) for group in _groups(source, encoded)]


def pack_batch(source: EventSource, batch: pa.RecordBatch) -> list[Payload]:
    """The rows as Arrow, in order, in few values.

    Parameters:
        batch — has the source's columns and `_known_at`, in the types that the source's table has.

    Raises: InputError for a row that is larger than a record may be, or other columns.

    Cost: choose it from a hundred rows on; one row alone is a kilobyte, eight times its JSON.
    """
    schema = table_schema(source)
    if not set(schema.names) <= set(batch.schema.names):
        raise InputError(
            f"a batch lacks columns of source {source.name!r}",
            seen=", ".join(batch.schema.names),
            allowed=", ".join(schema.names),
            next_step="add the columns; _known_at says when each row became known",
        )
    return [(value, {FORMAT: ARROW}) for value in _streams(source, batch.select(schema.names))]


def _encode_row(row: Mapping[str, Any], columns: Sequence[str], known_us: int) -> bytes:
    values = {name: value for name in columns if (value := row.get(name)) is not None}
    values[KNOWN_AT] = known_us
    return _encode(values)


def _groups(source: EventSource, encoded: Iterator[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 2
    for row in encoded:
        if len(row) + 2 > MAX_RECORD_BYTES:
            raise _too_large(source, len(row))
        if group and (size + len(row) + 1 > MAX_RECORD_BYTES or len(group) == MAX_EVENTS):
            yield group
            group, size = [], 2
        group.append(row)
        size += len(row) + 1
    if group:
        yield group


def _streams(source: EventSource, batch: pa.RecordBatch) -> Iterator[bytes]:
    """Halves what is too large; the first cut is by the size in memory, which is nearly that of the stream."""
    if not batch.num_rows:
        return
    most = min(MAX_EVENTS, max(MAX_RECORD_BYTES * 9 // 10 * batch.num_rows // max(batch.nbytes, 1), 1))
    if batch.num_rows > most:
        for start in range(0, batch.num_rows, most):
            yield from _halved(source, batch.slice(start, most))
    else:
        yield from _halved(source, batch)


def _halved(source: EventSource, batch: pa.RecordBatch) -> Iterator[bytes]:
    value = _stream(batch)
    if len(value) <= MAX_RECORD_BYTES:
        yield value
        return
    half = batch.num_rows // 2
    if not half:
        raise _too_large(source, len(value))
    yield from _halved(source, batch.slice(0, half))
    yield from _halved(source, batch.slice(half))


def _stream(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    value: bytes = sink.getvalue().to_pybytes()
    return value


def _too_large(source: EventSource, size: int) -> InputError:
    return InputError(
        f"an event of source {source.name!r} is too large for the log",
        seen=f"{size:,} bytes",
        allowed=f"up to {MAX_RECORD_BYTES:,} bytes",
        next_step="leave large texts out of events, or ingest them as a file",
    )
