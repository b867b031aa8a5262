"""Arrow values of records into raw rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import pyarrow as pa

from gapless.arrow import ARROW_TYPES, plain
from gapless.events.decoded import Decoded, no_rows, places, poison
from gapless.ingest.coerce import WrongTypeError, coerce
from gapless.ingest.rows import Raw, Rejected
from gapless.ports.events import MAX_EVENTS, LogRecord
from gapless.schema import Schema, Type

__all__ = ["read_arrow"]


def read_arrow(records: Sequence[LogRecord], columns: Schema) -> Iterator[Decoded]:
    """Records of the same types together; a record whose types cannot be read is none."""
    groups: dict[pa.Schema, list[tuple[LogRecord, pa.RecordBatch]]] = defaultdict(list)
    rejected: list[Rejected] = []
    for record in records:
        batch, reason = _batch_of(record, columns)
        if batch is None:
            rejected.append(poison(record, reason))
        else:
            groups[batch.schema].append((record, batch))
    for schema, group in groups.items():
        wrong = _wrong_column(schema, columns)
        if wrong is not None:
            rejected += [poison(record, "wrong_type", wrong) for record, _ in group]
            continue
        batches = [batch for _, batch in group]
        at = places([record.offset for record, _ in group], [batch.num_rows for batch in batches])
        yield Decoded(Raw(pa.concat_batches(batches), at), from_text=False)
    if rejected:
        yield no_rows(columns, rejected)


def _batch_of(record: LogRecord, columns: Schema) -> tuple[pa.RecordBatch | None, str]:
    try:
        table = pa.ipc.open_stream(record.value).read_all()
        if table.num_rows > MAX_EVENTS:
            return None, "too_many_events"
        arrays = [_column_of(table, name, kind) for name, kind in columns.columns]
    except (pa.ArrowException, OSError, EOFError, ValueError, NotImplementedError, MemoryError, KeyError, TypeError):
        return None, "not_arrow"
    return pa.RecordBatch.from_arrays(arrays, list(columns)), ""


def _column_of(table: pa.Table, name: str, kind: Type) -> pa.Array:
    """Nulls for a column that is not there. Raises: ArrowInvalid for damage, KeyError for one that is there twice."""
    if name not in table.schema.names:
        return pa.nulls(table.num_rows, ARROW_TYPES[kind])
    chunked = table.column(name)
    for chunk in chunked.chunks:
        # Texts that are no UTF-8 are faults of rows, not of the record: only their offsets are looked at here.
        as_bytes = pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)
        (
            chunk.view(pa.binary() if pa.types.is_string(chunk.type) else pa.large_binary()) if as_bytes else chunk
        ).validate(full=True)
    return plain(chunked)


def _wrong_column(schema: pa.Schema, columns: Schema) -> str | None:
    """The first column whose own type cannot hold what is wanted."""
    for name, kind in columns.columns:
        try:
            coerce(pa.nulls(0, schema.field(name).type), kind, from_text=False)
        except WrongTypeError:
            return name
    return None
