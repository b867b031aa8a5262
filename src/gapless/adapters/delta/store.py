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
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from gapless.adapters.delta.columns import check_same_columns, check_same_types, plain_batch, plain_schema
from gapless.adapters.delta.failures import storage_error
from gapless.adapters.delta.files import FileWriter, Sizes, add_action
from gapless.adapters.delta.journal import Disk, Intent, Journal
from gapless.adapters.delta.log import (
    DataFile,
    add_columns,
    arrow_schema,
    batches_of,
    commit,
    data_files,
    open_table,
    rows_committed,
)
from gapless.adapters.delta.parts import PartFiles, check_parts, remove_others, some_there
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
        path = self._path(table)
        journal = Journal(path, self._disk)
        with self._held(table, path, journal):
            return self._append(table, path, journal, batches, batch_id, offset_column, widen)

    def append_parts(
        self,
        table: str,
        schema: pa.Schema,
        *,
        batch_ids: Sequence[str],
        write: Callable[[PartWriter], Iterable[Part]],
    ) -> Commit:
        """See PartAppends.append_parts."""
        path = self._path(table)
        journal = Journal(path, self._disk)
        with self._held(table, path, journal):
            handle = open_table(path)
            there = sum(map(batches_of(handle), batch_ids))
            if handle is not None and there == len(batch_ids):
                return Commit(table, handle.version(), 0, repeated=True)
            if there:
                raise some_there(path, there, len(batch_ids))
            plain = plain_schema(schema, None)
            if handle is not None:
                check_same_columns(plain, arrow_schema(handle), path)

            def fill(token: str, first_row: int) -> tuple[list[Path], int]:
                parts = list(write(PartFiles(path, plain, token, self._sizes)))
                self._fault("writing", table)
                files = check_parts(path, parts)
                remove_others(path, token, files)
                return files, sum(part.rows for part in parts)

            return self._filled(table, path, journal, handle, plain, batch_ids, fill)

    @contextmanager
    def _held(self, table: str, path: Path, journal: Journal) -> Iterator[None]:
        try:
            with journal.exclusive():
                self._fault("locked", table)
                yield
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

    def _append(
        self, table: str, path: Path, journal: Journal, batches: pa.RecordBatchReader, batch_id: str,
        offset_column: str | None, widen: bool,
    ) -> Commit:  # fmt: skip
        handle = open_table(path)
        if handle is not None and batches_of(handle)(batch_id):
            return Commit(table, handle.version(), 0, repeated=True)
        schema = plain_schema(batches.schema, offset_column)
        if handle is not None and widen:
            handle = self._widened(table, path, handle, journal, schema)
        elif handle is not None:
            check_same_columns(schema, arrow_schema(handle), path)

        def fill(token: str, first_row: int) -> tuple[list[Path], int]:
            writer = FileWriter(path, schema, token, first_row, offset_column, self._sizes)
            try:
                self._write(table, writer, batches)
            except BaseException:
                writer.abandon()
                raise
            return writer.paths, writer.rows

        return self._filled(table, path, journal, handle, schema, [batch_id], fill)

    def _filled(
        self, table: str, path: Path, journal: Journal, handle: DeltaTable | None, schema: pa.Schema,
        batch_ids: Sequence[str], fill: Callable[[str, int], tuple[list[Path], int]],
    ) -> Commit:  # fmt: skip
        """One commit of the files that `fill(token, first row)` writes; gives them and how many rows they hold."""
        intent = _intent(batch_ids, 0 if handle is None else handle.version() + 1)
        before, rows = rows_committed(handle), 0
        try:
            journal.begin(intent)
            self._fault("noted", table)
            files, rows = fill(intent.token, before)
            for file in files:
                self._disk.sync(file)
            self._disk.sync(path)
            actions = [add_action(file) for file in files]
            journal.begin(replace(intent, files=tuple(file.name for file in files)))
            self._fault("synced", table)
            version = commit(
                path, handle, actions, schema,
                batch_ids=batch_ids, rows=rows, total_rows=before + rows, token=intent.token,
            )  # fmt: skip
            self._fault("committed", table)
        except BaseException as problem:
            if not journal.settle():  # an error whose commit went through all the same is not an error
                if isinstance(problem, OSError) and type(problem) is OSError:
                    raise storage_error(problem, path, "write to the table") from problem
                raise
            if not isinstance(problem, Exception):
                raise
            return Commit(table, intent.version, rows, repeated=False)
        self._make_durable(table, path, journal, version)
        return Commit(table, version, rows, repeated=False)

    def _widened(self, table: str, path: Path, handle: DeltaTable, journal: Journal, schema: pa.Schema) -> DeltaTable:
        """The table with the columns that it lacks: a version of its own, with the same rows."""
        old = arrow_schema(handle)
        check_same_types(schema, old, path)
        added = pa.schema([field for field in schema if field.name not in old.names])
        if not added.names:
            return handle
        intent = _intent([f"columns {', '.join(added.names)}"], handle.version() + 1)
        journal.begin(intent)
        self._fault("noted", table)
        try:
            add_columns(path, handle, added, token=intent.token)
            self._fault("committed", table)
        finally:
            journal.settle()
        wider = open_table(path)
        assert wider is not None
        return wider

    def _write(self, table: str, writer: FileWriter, batches: pa.RecordBatchReader) -> None:
        for batch in batches:
            writer.write(plain_batch(batch))
            self._fault("writing", table)
        writer.close()
        self._fault("written", table)

    def _make_durable(self, table: str, path: Path, journal: Journal, version: int) -> None:
        self._disk.sync(path)  # the name of a new _delta_log
        journal.settle()
        self._fault("durable", table)
        if version % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1:
            self._checkpoint(path)
        self._fault("settled", table)

    def _checkpoint(self, path: Path) -> None:
        """Opening stays fast; the log itself is complete without it."""
        handle = open_table(path)
        assert handle is not None
        log = path / "_delta_log"
        try:
            handle.create_checkpoint()
        except DeltaError as problem:
            raise storage_error(problem, log, "write a checkpoint of the log (the rows are in)") from problem
        for file in [*log.glob(f"{handle.version():020d}*.parquet"), log / "_last_checkpoint", log]:
            self._disk.sync(file)


def _intent(batch_ids: Sequence[str], version: int) -> Intent:
    """Named by what it writes: a second try has the same names, and the first one's files are gone by then."""
    token = sha256(":".join([str(version), *batch_ids]).encode()).hexdigest()[:32]
    return Intent(token, version, batches=len(batch_ids))


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
