"""Rows as the bytes of a piece, and back: Arrow's stream format, compressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from gapless.ports.engine import MAX_PIECE_BYTES

__all__ = ["cut", "kind_of", "packed", "unpacked"]

_KIND = b"gapless.kind"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_PIECE_BYTES = MAX_PIECE_BYTES // 4


def packed(kind: str, batch: pa.RecordBatch) -> bytes:
    """The batch, with a word for what it is.

    Examples:
        >>> batch = pa.record_batch({"a": [1, 2, 3]})
        >>> kind, same = unpacked(packed("events", batch.slice(1)))
        >>> kind, same.to_pydict()
        ('events', {'a': [2, 3]})
    """
    schema = batch.schema.with_metadata({_KIND: kind.encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        writer.write_batch(batch.replace_schema_metadata(schema.metadata))
    value: bytes = sink.getvalue().to_pybytes()
    return value


def unpacked(value: bytes) -> tuple[str, pa.RecordBatch]:
    """(kind, batch)."""
    with pa.ipc.open_stream(value) as reader:
        batch = reader.read_next_batch()
    return kind_of(batch.schema.metadata), batch.replace_schema_metadata(None)


def kind_of(metadata: Mapping[bytes, bytes]) -> str:
    """The word."""
    return metadata[_KIND].decode()


def cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The same rows in batches that make pieces of a moderate size; one batch without rows for none."""
    rows = max(batch.num_rows * _PIECE_BYTES // max(batch.nbytes, 1), 1)
    yield from (batch.slice(start, rows) for start in range(0, max(batch.num_rows, 1), rows))
