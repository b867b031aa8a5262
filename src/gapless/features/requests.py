"""Requests as they must be before features can be computed for them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from gapless.arrow import schema_to_arrow
from gapless.errors import InputError, closest
from gapless.product import EventSource

__all__ = ["checked_requests"]


def checked_requests(source: EventSource, requests: pa.Table | pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The requests with exactly the columns of their source, in its types.

    Raises: InputError for a missing column, a value that does not fit its type, or a null event time or id.
    """
    schema = schema_to_arrow(source.columns)
    reader = requests.to_reader(max_chunksize=1 << 20) if isinstance(requests, pa.Table) else requests
    for name in schema.names:
        if name not in reader.schema.names:
            raise _missing(source, name, reader.schema.names)
    for batch in reader:
        arrays = [_cast(batch.column(field.name), field, source) for field in schema]
        checked = pa.RecordBatch.from_arrays(arrays, schema=schema)
        for name in (source.event_time, source.event_id):
            if name is not None and checked.column(name).null_count:
                raise InputError(
                    f"requests {source.name!r} have an empty {name!r}",
                    seen=f"{checked.column(name).null_count} nulls",
                    allowed="a value in every row",
                    next_step="drop those rows, or ingest the file: ingest puts them aside with the reason",
                )
        yield checked


def _missing(source: EventSource, name: str, seen: list[str]) -> InputError:
    guess = closest(name, seen)
    return InputError(
        f"requests {source.name!r} lack the column {name!r}",
        seen=", ".join(seen),
        allowed=", ".join(source.columns),
        next_step=f"rename {guess!r} to {name!r}" if guess else "add the column (nulls are allowed in it)",
    )


def _cast(array: pa.Array, field: pa.Field, source: EventSource) -> pa.Array:
    if array.type == field.type:
        return array
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"column {field.name!r} of requests {source.name!r} has another type",
            seen=f"{array.type}: {error}",
            allowed=str(field.type),
            next_step=f"write it as {field.type}",
        ) from error
