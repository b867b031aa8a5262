"""One append to one table, step by step: see `store` for the order of the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from gapless.adapters.delta.columns import check_same_columns, check_same_types, plain_batch, plain_schema
from gapless.adapters.delta.failures import storage_error
from gapless.adapters.delta.files import FileWriter, Sizes, add_action
from gapless.adapters.delta.journal import Disk, Intent, Journal
from gapless.adapters.delta.log import add_columns, arrow_schema, batches_of, commit, open_table, rows_committed
from gapless.adapters.delta.parts import PartFiles, check_parts, remove_others, some_there
from gapless.faults import Fault
from gapless.ports.offline import Commit, Part, PartWriter

__all__ = ["Append"]

_CHECKPOINT_EVERY = 100

Fill = Callable[[str, int], tuple[list[Path], int]]
"""Writes the files of an append, given its token and the place of its first row; gives them and how many rows."""


@dataclass(frozen=True)
class Append:
    """A table that this writer holds."""

    table: str
    path: Path
    journal: Journal
    disk: Disk
    fault: Fault
    sizes: Sizes

    def rows(self, batches: pa.RecordBatchReader, batch_id: str, *, offset_column: str | None, widen: bool) -> Commit:
        """Rows that are written here."""
        handle = open_table(self.path)
        if handle is not None and batches_of(handle)(batch_id):
            return Commit(self.table, handle.version(), 0, repeated=True)
        schema = plain_schema(batches.schema, offset_column)
        if handle is not None and widen:
            handle = self._widened(handle, schema)
        elif handle is not None:
            check_same_columns(schema, arrow_schema(handle), self.path)

        def fill(token: str, first_row: int) -> tuple[list[Path], int]:
            writer = FileWriter(self.path, schema, token, first_row, offset_column, self.sizes)
            try:
                self._write(writer, batches)
            finally:
                writer.abandon()
            return writer.paths, writer.rows

        return self._filled(handle, schema, [batch_id], fill)

    def parts(
        self, schema: pa.Schema, batch_ids: Sequence[str], write: Callable[[PartWriter], Iterable[Part]]
    ) -> Commit:
        """Rows that others write."""
        handle = open_table(self.path)
        there = sum(map(batches_of(handle), batch_ids))
        if handle is not None and there == len(batch_ids):
            return Commit(self.table, handle.version(), 0, repeated=True)
        if there:
            raise some_there(self.path, there, len(batch_ids))
        plain = plain_schema(schema, None)
        if handle is not None:
            check_same_columns(plain, arrow_schema(handle), self.path)

        def fill(token: str, first_row: int) -> tuple[list[Path], int]:
            parts = list(write(PartFiles(self.path, plain, token, first_row, self.sizes)))
            self.fault("writing", self.table)
            files = check_parts(self.path, parts)
            remove_others(self.path, token, files)
            return files, sum(part.rows for part in parts)

        return self._filled(handle, plain, batch_ids, fill)

    def _filled(self, handle: DeltaTable | None, schema: pa.Schema, batch_ids: Sequence[str], fill: Fill) -> Commit:
        """One commit of the files that are filled."""
        intent = _intent(batch_ids, 0 if handle is None else handle.version() + 1)
        before, rows = rows_committed(handle), 0
        try:
            self.journal.begin(intent)
            self.fault("noted", self.table)
            files, rows = fill(intent.token, before)
            self._synced(intent, files)
            version = commit(
                self.path, handle, [add_action(file) for file in files], schema,
                batch_ids=batch_ids, rows=rows, total_rows=before + rows, token=intent.token,
            )  # fmt: skip
            self.fault("committed", self.table)
        except BaseException as problem:
            if not self.journal.settle():  # an error whose commit went through all the same is not an error
                if isinstance(problem, OSError) and type(problem) is OSError:
                    raise storage_error(problem, self.path, "write to the table") from problem
                raise
            if not isinstance(problem, Exception):
                raise
            return Commit(self.table, intent.version, rows, repeated=False)
        self._make_durable(version)
        return Commit(self.table, version, rows, repeated=False)

    def _synced(self, intent: Intent, files: Sequence[Path]) -> None:
        for file in files:
            self.disk.sync(file)
        self.disk.sync(self.path)
        self.journal.begin(replace(intent, files=tuple(file.name for file in files)))
        self.fault("synced", self.table)

    def _widened(self, handle: DeltaTable, schema: pa.Schema) -> DeltaTable:
        """The table with the columns that it lacks: a version of its own, with the same rows."""
        old = arrow_schema(handle)
        check_same_types(schema, old, self.path)
        added = pa.schema([field for field in schema if field.name not in old.names])
        if not added.names:
            return handle
        intent = _intent([f"columns {', '.join(added.names)}"], handle.version() + 1)
        self.journal.begin(intent)
        self.fault("noted", self.table)
        try:
            add_columns(self.path, handle, added, token=intent.token)
            self.fault("committed", self.table)
        finally:
            self.journal.settle()
        wider = open_table(self.path)
        assert wider is not None
        return wider

    def _write(self, writer: FileWriter, batches: pa.RecordBatchReader) -> None:
        for batch in batches:
            writer.write(plain_batch(batch))
            self.fault("writing", self.table)
        writer.close()
        self.fault("written", self.table)

    def _make_durable(self, version: int) -> None:
        self.disk.sync(self.path)  # the name of a new _delta_log
        self.journal.settle()
        self.fault("durable", self.table)
        if version % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1:
            self._checkpoint()
        self.fault("settled", self.table)

    def _checkpoint(self) -> None:
        """Opening stays fast; the log itself is complete without it."""
        handle = open_table(self.path)
        assert handle is not None
        log = self.path / "_delta_log"
        try:
            handle.create_checkpoint()
        except DeltaError as problem:
            raise storage_error(problem, log, "write a checkpoint of the log (the rows are in)") from problem
        for file in [*log.glob(f"{handle.version():020d}*.parquet"), log / "_last_checkpoint", log]:
            self.disk.sync(file)


def _intent(batch_ids: Sequence[str], version: int) -> Intent:
    """Named by what it writes: a second try has the same names, and the first one's files are gone by then."""
    token = sha256(":".join([str(version), *batch_ids]).encode()).hexdigest()[:32]
    return Intent(token, version, batches=len(batch_ids))
