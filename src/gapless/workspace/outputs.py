"""Result files, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gapless.errors import InputError, StorageError

__all__ = ["check_output", "write_manifest", "write_table"]


def check_output(path: Path) -> None:
    """Raises InputError, before any work is done, for a path that `write_table` will not take."""
    if path.suffix not in (".parquet", ".arrow") or path.is_dir():
        raise InputError(
            "the result needs a file of a known format",
            seen=str(path),
            allowed="a path that ends in .parquet or .arrow",
            next_step="choose such a path",
        )


def write_table(path: Path, batches: pa.RecordBatchReader) -> int:
    """The number of rows now in the file, which is replaced if it was there.

    Raises: StorageError; then the file is what it was before.
    """
    own = path.with_name(f".{path.name}.{os.getpid()}.part")
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
            "the result could not be written",
            seen=str(error),
            where=str(path),
            next_step="free some space or choose another path; nothing was half written",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder may be what could not be made
            own.unlink(missing_ok=True)
    return rows


def write_manifest(path: Path, document: Mapping[str, Any]) -> None:
    """What a result file holds and was made from, beside it.

    Raises: StorageError.
    """
    beside = path.with_name(f"{path.name}.manifest.json")
    own = beside.with_name(f".{beside.name}.{os.getpid()}.part")
    try:
        own.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        own.replace(beside)
    except OSError as error:
        raise StorageError("the manifest could not be written", seen=str(error), where=str(beside)) from error


def _writer(path: Path, suffix: str, schema: pa.Schema) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
    if suffix == ".arrow":
        return pa.ipc.new_file(str(path), schema)
    return pq.ParquetWriter(path, schema, compression="zstd")
