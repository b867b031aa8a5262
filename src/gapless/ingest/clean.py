"""One batch of a file into rows of the table, and the faults of the rows that are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import KNOWN_AT, TIMESTAMP, schema_to_arrow
from gapless.errors import InputError
from gapless.ingest.coerce import WrongTypeError, coerce
from gapless.ingest.rows import Raw
from gapless.product import EventSource

__all__ = ["Clean", "Fault", "clean", "table_schema"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fault:
    """Rows of a raw batch that one column keeps out; a row is named once, by its first fault."""

    column: str
    reason: str
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clean:
    """The good rows as the table holds them; `rows` says which rows of the raw batch they are."""

    batch: pa.RecordBatch
    rows: npt.NDArray[np.int64]
    faults: tuple[Fault, ...]


def table_schema(source: EventSource) -> pa.Schema:
    """The schema's columns and `_known_at`; the store adds `_offset`."""
    return schema_to_arrow(source.columns).append(pa.field(KNOWN_AT, TIMESTAMP))


def clean(raw: Raw, source: EventSource, *, from_text: bool, file: str) -> Clean:
    """Coerces every column and sets the rows with a fault aside.

    Raises: InputError where a column's own type is wrong.
    """
    columns, found = [], []
    for name, kind in source.columns.columns:
        try:
            values, faults = coerce(raw.batch.column(name), kind, from_text=from_text)
        except WrongTypeError as wrong:
            raise _wrong_type(raw.batch.schema.field(name), str(wrong), kind.value, file) from None
        columns.append(values)
        found += [(name, reason, mask) for reason, mask in faults]
    taken = pa.RecordBatch.from_arrays([*columns, _known_at(source, columns)], schema=table_schema(source))
    found += _missing(source, taken)
    bad, named = _first_faults(found, raw.batch.num_rows)
    if not named:
        return Clean(taken, np.arange(taken.num_rows, dtype=np.int64), ())
    return Clean(taken.filter(pa.array(~bad)), np.flatnonzero(~bad), named)


def _wrong_type(field: pa.Field, allowed: str, wanted: str, file: str) -> InputError:
    return InputError(
        f"column {field.name!r} cannot be read as {wanted}",
        where=file,
        seen=str(field.type),
        allowed=allowed,
        next_step="change the type where the file is written, or in the source's schema",
    )


def _known_at(source: EventSource, columns: list[pa.Array]) -> pa.Array:
    names = list(source.columns)
    if source.known_at is not None:
        return columns[names.index(source.known_at)]
    happened = columns[names.index(source.event_time)]
    if source.delay_us == 0:
        return happened
    return pc.add(happened.view(pa.int64()), source.delay_us).view(TIMESTAMP)


def _missing(source: EventSource, batch: pa.RecordBatch) -> Iterator[tuple[str, str, Mask]]:
    """Nulls where a row cannot do without a value."""
    needed = {"null_event_time": source.event_time, "null_known_at": source.known_at, "null_event_id": source.event_id}
    for reason, name in needed.items():
        if name is not None and batch.column(name).null_count:
            yield name, reason, batch.column(name).is_null().to_numpy(zero_copy_only=False)


def _first_faults(found: list[tuple[str, str, Mask]], rows: int) -> tuple[Mask, tuple[Fault, ...]]:
    bad = np.zeros(rows, np.bool_)
    named = []
    for column, reason, mask in found:
        fresh = np.flatnonzero(mask & ~bad)
        if len(fresh):
            named.append(Fault(column, reason, fresh))
            bad[fresh] = True
    return bad, tuple(named)
