"""DeltaStore: the OfflineStore port on local Delta tables.

An append, step by step; a crash after any of them leaves the table as it was, or whole:

    lock ─ settle what a dead writer left ─ batch there already? ─ note ─ write Parquet ─ fsync files, folder
         ─ commit (one log entry) ─ fsync entry, log folder ─ remove the note ─ unlock

deltalake makes no fsync of its own, so rows are written and synced here and deltalake only commits their names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from gapless.adapters.delta.appending import Append
from gapless.adapters.delta.failures import storage_error
from gapless.adapters.delta.files import Sizes
from gapless.adapters.delta.journal import Disk, Journal
from gapless.adapters.delta.log import (
    DataFile,
    arrow_schema,
    batches_of,
    data_files,
    open_table,
)
from gapless.adapters.delta.scan import FileSplit, scan, splits, to_us
from gapless.errors import (
    CorruptData,
    GaplessError,
    InputError,
    NotFound,
    SettingsError,
    UnknownName,
    closest,
)
from gapless.faults import Fault, no_fault
from gapless.ports.offline import Commit, Part, PartWriter, TableStats, TextRange, TimeRange

__all__ = ["APPEND_POINTS", "DeltaStore"]

APPEND_POINTS = ("locked", "noted", "writing", "written", "synced", "committed", "durable", "settled")
"""Where `fault(point, table)` is called during an append, in order."""

_CHECKPOINT_EVERY = 100
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")


class DeltaStore:
    """Tables under one folder: `<root>/sources/departures` and so on.

    Parameters:
        root — the folder; made at the first append.
        sizes — rows per file and per row group.
        fault — called at each of APPEND_POINTS; a test raises or kills the process there.
        fsync — what makes a file descriptor durable.

    Guarantees: one writer per table at a time across processes and threads (flock); readers never wait and see whole
        versions only. A process that dies at any point loses nothing that was acknowledged; the next append to the
        table removes what it left behind.

    Cost: memory of about two row groups, whatever the size of the table or of the batch.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        sizes: Sizes = Sizes(),  # noqa: B008  frozen
        fault: Fault = no_fault,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._root = _local(root)
        self._sizes = sizes
        self._fault = fault
        self._disk = Disk(fsync)

    def append(
        self,
        table: str,
        batches: pa.RecordBatchReader,
        *,
        batch_id: str,
        offset_column: str | None = None,
        widen: bool = False,
    ) -> Commit:
        """See OfflineStore.append."""
        with self._held(table) as append:
            return append.rows(batches, batch_id, offset_column=offset_column, widen=widen)

    def append_parts(
        self,
        table: str,
        schema: pa.Schema,
        *,
        batch_ids: Sequence[str],
        write: Callable[[PartWriter], Iterable[Part]],
    ) -> Commit:
        """See PartAppends.append_parts."""
        with self._held(table) as append:
            return append.parts(schema, batch_ids, write)

    @contextmanager
    def _held(self, table: str) -> Iterator[Append]:
        """The table is this writer's while the block runs."""
        path = self._path(table)
        append = Append(table, path, Journal(path, self._disk), self._disk, self._fault, self._sizes)
        try:
            with append.journal.exclusive():
                self._fault("locked", table)
                yield append
        except (PermissionError, NotADirectoryError, FileExistsError) as problem:
            if isinstance(problem, GaplessError):
                raise
            raise storage_error(problem, path, "write to the store") from problem

    def read(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        within: TimeRange | TextRange | None = None,
    ) -> pa.RecordBatchReader:
        """See OfflineStore.read. A batch has at most 131,072 rows."""
        files, schema = self._files(table, version, columns or (), within)
        return scan(files, schema, columns=schema.names if columns is None else list(columns), within=within)

    def split(
        self,
        table: str,
        *,
        columns: Sequence[str],
        version: int,
        within: TimeRange | None = None,
        rows: int,
    ) -> Sequence[FileSplit]:
        """See SplitReads.split."""
        files, schema = self._files(table, version, columns, within)
        return splits(files, schema, columns=columns, within=within, rows=rows)

    def version(self, table: str) -> int | None:
        """The newest version; None where there is no such table."""
        handle = self._open(table)
        return None if handle is None else handle.version()

    def has_batch(self, table: str, batch_id: str) -> bool:
        """Whether the newest version holds this batch. Cost: opening the table's log, some milliseconds."""
        handle = self._open(table)
        return batches_of(handle)(batch_id)

    def tables(self) -> list[str]:
        """Names of all tables, sorted."""
        logs = self._root.glob("**/_delta_log")
        return sorted(str(log.parent.relative_to(self._root)) for log in logs if any(log.glob("*.json")))

    def stats(self, table: str, *, version: int | None = None) -> TableStats:
        """Counts from the log; times in `ranges` are microseconds."""
        handle = self._existing(table, version)
        files = data_files(handle, self._path(table))
        shared = set.intersection(*(set(file.ranges) for file in files)) if files else set()
        return TableStats(
            rows=sum(file.rows for file in files),
            bytes=sum(file.size for file in files),
            files=len(files),
            ranges={
                name: (min(to_us(f.ranges[name][0]) for f in files), max(to_us(f.ranges[name][1]) for f in files))
                for name in sorted(shared)
            },
        )

    def _files(
        self, table: str, version: int | None, columns: Sequence[str], within: TimeRange | TextRange | None
    ) -> tuple[list[DataFile], pa.Schema]:
        """Of one version, which has these columns."""
        handle = self._existing(table, version)
        schema = arrow_schema(handle)
        for name in [*columns, *([within.column] if within else [])]:
            if name not in schema.names:
                raise UnknownName(f"column of table {table!r}", name, schema.names, where=str(self._path(table)))
        return data_files(handle, self._path(table)), schema

    def _path(self, table: str) -> Path:
        parts = table.split("/")
        if all(_SEGMENT.fullmatch(part) and ".." not in part for part in parts):
            return self._root.joinpath(*parts)
        raise InputError(
            "not a table's name",
            seen=table,
            allowed="a relative path of letters, digits, and . _ = - that does not start with . or _",
            next_step="name it like sources/departures",
        )

    def _open(self, table: str, version: int | None = None) -> DeltaTable | None:
        path = self._path(table)
        try:
            return open_table(path, version)
        except CorruptData:
            journal = Journal(path, self._disk)
            if not journal.unsettled():
                raise
            with journal.exclusive():  # power was lost inside a commit that nobody was told of: undo it
                return open_table(path, version)

    def _existing(self, table: str, version: int | None) -> DeltaTable:
        handle = self._open(table, version)
        if handle is not None:
            return handle
        newest = self.version(table)
        if newest is not None:
            raise NotFound(
                "no such version",
                where=table,
                seen=version,
                allowed=f"0 to {newest}",
                next_step="name a version in that range",
            )
        known = self.tables()
        guess = closest(table, known)
        raise NotFound(
            "no such table",
            seen=table,
            allowed=", ".join(known) or "(the store is empty)",
            next_step=f"did you mean {guess!r}?" if guess else "ingest into it first",
        )


def _local(root: str | Path) -> Path:
    text = str(root).removeprefix("file://")
    if "://" in text:
        raise SettingsError(
            "this offline store keeps its tables in a local folder",
            seen=text,
            allowed="a path, or file:///…",
            next_step="mount the bucket as a folder, or keep the store local",
        )
    return Path(text).absolute()
