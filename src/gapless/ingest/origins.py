"""Whatever somebody hands in, as an Origin: a path, "-", a binary stream, a DataFrame, Arrow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from gapless.errors import InputError
from gapless.ingest.columns import extra_columns
from gapless.ingest.content import Content, hash_batches, spill_batches, spill_stream
from gapless.ingest.delimited import CsvOrigin
from gapless.ingest.jsonlines import JsonLinesOrigin
from gapless.ingest.parquet import ArrowOrigin, ParquetOrigin
from gapless.ingest.rows import Origin
from gapless.schema import Schema

__all__ = ["FORMATS", "open_origin"]

FORMATS = ("parquet", "csv", "jsonl")
_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
_OPEN: dict[str, Any] = {"parquet": ParquetOrigin.open, "csv": CsvOrigin.open, "jsonl": JsonLinesOrigin.open}


def open_origin(data: Any, schema: Schema, folder: Path, *, format: str | None, name: str | None) -> Origin:
    """Parameters: folder — where what comes only once is kept while it is read."""
    if isinstance(data, (str, Path)) and str(data) != "-":
        path = Path(data)
        return _of_content(Content.of(path, name or str(path)), schema, format or _format_of(path))
    if isinstance(data, str) or hasattr(data, "read"):
        return _of_stream(data, schema, folder, format, name)
    return _of_arrow(data, schema, folder, name)


def _of_content(content: Content, schema: Schema, format: str) -> Origin:
    if format not in _OPEN:
        raise _unknown_format(format, content.name)
    return cast(Origin, _OPEN[format](content, schema))


def _format_of(path: Path) -> str:
    name = path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path
    return _SUFFIXES.get(name.suffix.lower(), name.suffix or "(no ending)")


def _unknown_format(format: str, name: str) -> InputError:
    return InputError(
        "a file of a format that is not read",
        where=name,
        seen=format,
        allowed=", ".join(FORMATS),
        next_step="say which it is (--format, format=)",
    )


def _of_stream(data: Any, schema: Schema, folder: Path, format: str | None, name: str | None) -> Origin:
    stream = sys.stdin.buffer if isinstance(data, str) else data
    called = name or ("standard input" if isinstance(data, str) else str(getattr(data, "name", "stream")))
    if format is None:
        raise InputError(
            "a stream does not say its format",
            where=called,
            allowed=", ".join(FORMATS),
            next_step="say which it is (--format, format=)",
        )
    if format not in _OPEN:
        raise _unknown_format(format, called)
    return _of_content(spill_stream(stream, folder, called), schema, format)


def _of_arrow(data: Any, schema: Schema, folder: Path, name: str | None) -> Origin:
    called = name or type(data).__name__
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if not hasattr(data, "__arrow_c_stream__"):
        raise InputError(
            "nothing that rows can be read from",
            seen=type(data).__name__,
            allowed='a path, "-", a binary stream, a DataFrame, an Arrow table or reader',
            next_step="turn it into a DataFrame, or write it to a file",
        )
    try:
        once = isinstance(data, pa.RecordBatchReader)
        table: Any = data if once else pa.table(data)
    except (pa.ArrowException, TypeError) as problem:
        raise InputError(
            "a column of mixed types", where=called, seen=str(problem), next_step="give each column one type"
        ) from problem
    extra = extra_columns(table.schema.names, list(schema), file=called)
    wanted = list(schema)
    if once:
        path, digest = spill_batches(_selected(table, wanted), folder)
        return ArrowOrigin(called, digest, extra, tuple(schema), lambda: pa.ipc.open_stream(str(path)))
    kept = table.select(wanted)
    return ArrowOrigin(called, hash_batches(kept), extra, tuple(schema), kept.to_batches)


def _selected(reader: pa.RecordBatchReader, names: list[str]) -> pa.RecordBatchReader:
    schema = pa.schema([reader.schema.field(name) for name in names])
    return pa.RecordBatchReader.from_batches(schema, (batch.select(names) for batch in reader))
