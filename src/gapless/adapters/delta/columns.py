"""The columns of a table against those of rows that are to be added."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from gapless.errors import InputError

__all__ = ["check_same_columns", "check_same_types", "plain_batch", "plain_schema"]


def plain_schema(schema: pa.Schema, offset_column: str | None) -> pa.Schema:
    """With the types that a table has, and a column of offsets where one is named."""
    fields = [pa.field(field.name, _plain_type(field.type)) for field in schema]
    return pa.schema([*fields, pa.field(offset_column, pa.int64())] if offset_column else fields)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def plain_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows in these types."""
    schema = plain_schema(batch.schema, None)
    return batch if batch.schema.equals(schema) else batch.cast(schema)


def check_same_types(new: pa.Schema, old: pa.Schema, path: Path) -> None:
    """Raises: InputError for a column of both that has two types."""
    changed = [(field, old.field(field.name).type) for field in new if field.name in old.names]
    for field, kind in changed:
        if field.type != kind:
            raise InputError(
                f"column {field.name!r} has another type than in the table",
                where=str(path),
                seen=str(field.type),
                allowed=str(kind),
                next_step="keep the type, and give what has another one a name of its own",
            )


def check_same_columns(new: pa.Schema, old: pa.Schema, path: Path) -> None:
    """Raises: InputError where they are not the same, in the same order."""
    if new.equals(old):
        return
    added = [f"+{field.name} {field.type}" for field in new if field not in old]
    removed = [f"-{field.name} {field.type}" for field in old if field not in new]
    raise InputError(
        "the columns differ from those of the table",
        where=str(path),
        seen=", ".join([*added, *removed]) or "another order: " + ", ".join(new.names),
        allowed=", ".join(f"{field.name} {field.type}" for field in old),
        next_step="keep the columns as they are, or write to a table of another name",
    )
