"""Bytes that are read more than once: hashed first, copied where they come only once, watched for changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from gapless.errors import GaplessError, InputError, StorageError
from gapless.ingest.hashing import update_with_batch

__all__ = ["Content", "fixed_batches", "hash_batches", "read_failure", "spill_batches", "spill_stream"]

_CHUNK = 1 << 20
_HASH_ROWS = 65_536


@dataclass(frozen=True)
class Content:
    """A file whose bytes have this hash as long as its size and time of change stay the same."""

    path: Path
    name: str
    digest: str
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path, name: str) -> Content:
        """Reads the file once.

        Raises: InputError where there is none, it is a folder, empty, or may not be read.
        """
        try:
            with path.open("rb") as file:
                state = path.stat()
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise read_failure(problem, path) from problem
        if state.st_size == 0:
            raise InputError(
                "the file is empty: 0 bytes, not even a header", where=name, next_step="look at what wrote it"
            )
        return cls(path, name, digest, state.st_size, state.st_mtime_ns)

    def check_unchanged(self) -> None:
        """Raises: InputError where the file is another one by now."""
        state = self.path.stat()
        if (state.st_size, state.st_mtime_ns) != (self.size, self.changed_ns):
            raise InputError(
                "the file changed while it was read",
                where=self.name,
                next_step="wait until it is written, or move finished files into place; nothing was taken in",
            )


def read_failure(problem: OSError, path: Path) -> GaplessError:
    """What keeps a file from being read, and what to do."""
    if isinstance(problem, FileNotFoundError):
        near = path.parent if path.parent.is_dir() else path.absolute().parent
        return InputError("no such file", seen=str(path), next_step=f"look at what is in {near}")
    if isinstance(problem, PermissionError):
        return InputError("no permission to read the file", seen=str(path), next_step=f"chmod +r {path}")
    if isinstance(problem, IsADirectoryError):
        return _a_folder(path)
    return StorageError("the file cannot be read", where=str(path), seen=str(problem), next_step="look at the disk")


def _a_folder(path: Path) -> GaplessError:
    suffixes = ("*.parquet", "*.csv", "*.jsonl")
    held = [pattern for pattern in suffixes if next(path.glob(pattern), None) is not None]
    step = f"name its files: {path}/{held[0]}" if held else "name a file"
    return InputError("a folder, where files are taken", seen=str(path), next_step=step)


def spill_stream(stream: BinaryIO, folder: Path, name: str) -> Content:
    """What comes only once, kept in `folder`."""
    path = folder / "stream"
    with path.open("wb") as copy:
        while chunk := stream.read(_CHUNK):
            copy.write(chunk)
    return Content.of(path, name)


def spill_batches(reader: pa.RecordBatchReader, folder: Path) -> tuple[Path, str]:
    """Batches that come only once: a file of them, and the hash of their values."""
    path = folder / "batches.arrow"
    digest = hashlib.sha256()
    with pa.ipc.new_stream(str(path), reader.schema) as writer:
        for batch in fixed_batches(reader, _HASH_ROWS):
            update_with_batch(digest, batch)
            writer.write_batch(batch)
    return path, digest.hexdigest()


def hash_batches(table: pa.Table) -> str:
    """The hash of a table's values, the same for any chunks."""
    digest = hashlib.sha256()
    for batch in fixed_batches(table.to_reader(), _HASH_ROWS):
        update_with_batch(digest, batch)
    return digest.hexdigest()


def fixed_batches(reader: pa.RecordBatchReader, rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `rows`, the last one shorter."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        while batch.num_rows:
            piece = batch.slice(0, rows - count)
            batch = batch.slice(piece.num_rows)
            waiting.append(piece)
            count += piece.num_rows
            if count == rows:
                yield _joined(waiting)
                waiting, count = [], 0
    if count:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches([_undictionaried(batch) for batch in batches])


def _undictionaried(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Batches of one stream may bring different dictionaries."""
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
