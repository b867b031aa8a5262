"""Files that a person names, opened as streams of Arrow batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from gapless.arrow import schema_to_arrow
from gapless.errors import InputError, NotFound, StorageError
from gapless.product import EventSource

__all__ = ["RequestFile", "request_file", "write_table"]

_BATCH_ROWS = 1 << 17


@dataclass(frozen=True)
class RequestFile:
    """A file of requests: its rows on demand, how many where that is known, and the hash of its bytes."""

    path: Path
    rows: int | None
    content_hash: str
    source: EventSource

    def open(self) -> pa.RecordBatchReader:
        """The rows, from the beginning."""
        try:
            return _readers[_format(self.path)](self.path, self.source)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(self.path, error) from error


def request_file(path: Path, source: EventSource) -> RequestFile:
    """Raises: NotFound, InputError, StorageError, before anything is computed."""
    if not path.exists():
        raise NotFound("no such file of requests", seen=str(path), next_step="check the path")
    if path.is_dir():
        raise InputError(
            "requests come from one file, not a folder",
            seen=str(path),
            allowed="a Parquet, CSV or JSON lines file",
            next_step="name one file, or ingest the folder's files and predict with --from and --until",
        )
    kind = _format(path)
    try:
        if path.stat().st_size == 0:
            raise InputError("the file of requests is empty", seen=str(path), allowed="at least one row")
        rows = pq.read_metadata(path).num_rows if kind == "parquet" else None
        return RequestFile(path, rows, _hash(path), source)
    except PermissionError as error:
        raise StorageError("the file of requests cannot be read", seen=str(error)) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error


def write_table(path: Path, batches: pa.RecordBatchReader) -> int:
    """Writes a Parquet or Arrow IPC file, whole or not at all; the number of rows.

    Raises: StorageError; InputError for another ending.
    """
    if path.suffix not in (".parquet", ".arrow"):
        raise InputError(
            "no such output format", seen=path.suffix or path.name, allowed=".parquet or .arrow", next_step="rename it"
        )
    own = path.with_name(f".{path.name}.part")
    rows = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _writer(own, path.suffix, batches.schema) as out:
            for batch in batches:
                out.write_batch(batch)
                rows += batch.num_rows
        own.replace(path)
    except OSError as error:
        raise StorageError(
            "could not write the result", seen=str(error), where=str(path), next_step="free space or choose another path"
        ) from error
    finally:
        own.unlink(missing_ok=True)
    return rows


def _writer(path: Path, suffix: str, schema: pa.Schema) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
    if suffix == ".arrow":
        return pa.ipc.new_file(str(path), schema)
    return pq.ParquetWriter(path, schema, compression="zstd")


def _parquet(path: Path, source: EventSource) -> pa.RecordBatchReader:
    file = pq.ParquetFile(path, memory_map=True)
    wanted = [name for name in file.schema_arrow.names if name in source.columns]
    schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
    batches = file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted)
    return pa.RecordBatchReader.from_batches(schema, (b.select(wanted) for b in batches))


def _csv(path: Path, source: EventSource) -> pa.RecordBatchReader:
    types = {field.name: field.type for field in schema_to_arrow(source.columns)}
    return pc_csv.open_csv(path, convert_options=pc_csv.ConvertOptions(column_types=types, strings_can_be_null=True))


def _json(path: Path, source: EventSource) -> pa.RecordBatchReader:
    options = pa_json.ParseOptions(explicit_schema=schema_to_arrow(source.columns), unexpected_field_behavior="ignore")
    return pa_json.open_json(path, parse_options=options)


_readers = {"parquet": _parquet, "csv": _csv, "json": _json}
_ENDINGS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}


def _format(path: Path) -> str:
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            "the format of the file of requests is not known by its ending",
            seen=path.name,
            allowed=", ".join(_ENDINGS),
            next_step="rename it or write it as Parquet",
        )
    return kind


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        "the file of requests cannot be read",
        seen=str(error),
        where=str(path),
        allowed="a whole Parquet, CSV or JSON lines file",
        next_step="write it again; it may be cut short or have another format than its ending says",
    )
