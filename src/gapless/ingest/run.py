"""ingest(): a file or table into the offline store, once, whole, with the bad rows set aside and counted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gapless.arrow import OFFSET, filled, schema_to_arrow
from gapless.errors import GaplessError, StorageError, Transient
from gapless.ingest.clean import Clean, clean, table_schema
from gapless.ingest.dedupe import CONFLICT, NEW, REPEAT, Repeats
from gapless.ingest.origins import open_origin
from gapless.ingest.quarantine import Quarantine
from gapless.ingest.rows import Origin, Raw
from gapless.ports.offline import Commit, OfflineStore
from gapless.ports.tables import landed_partitions, landed_table, quarantine_table, source_table
from gapless.product import EventSource

__all__ = ["IngestReport", "ingest"]

Progress = Callable[[int], None]
_TRIES = 3


@dataclass(frozen=True)
class IngestReport:
    """What became of each row: rows_read = rows_added + rows_quarantined + rows_duplicate.

    `repeated`: this content was ingested before; nothing was read and all counts are 0.
    `reasons` counts the quarantined rows; `version` is the source table's after this.
    """

    source: str
    name: str
    rows_read: int
    rows_added: int
    rows_quarantined: int
    rows_duplicate: int
    repeated: bool
    batch_id: str
    version: int
    reasons: dict[str, int] = field(default_factory=dict)
    extra_columns: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def ingest(
    store: OfflineStore,
    source: EventSource,
    data: Any,
    *,
    format: str | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Every good row of `data` is in the source's table, once; every other one is in its quarantine, with the reason.

    Parameters:
        data — a path, "-" for standard input, a binary stream, a DataFrame, or an Arrow table, batch or reader.
        format — "parquet", "csv" or "jsonl"; by default what a file's ending says.
        name — what the quarantine and messages call it; by default the path.
        progress — called with the number of rows done so far, after each batch.

    Raises: InputError for a file that cannot be read or lacks a column (then nothing is taken in); StorageError where
        the disk is full or may not be written (likewise); Transient where others kept committing to the same table.

    Guarantees: the same content counts once, whatever the file is called. Where the source has an event_id, an event
        counts once over the whole table and what was landed: the first row wins; the same row again is counted as a
        duplicate; other values under the same id are quarantined. A run that dies at any point is made good by running
        it again.

    Cost: memory of some batches, below 1 GiB for any size of file; disk in the system's temporary folder (TMPDIR):
        40 bytes per row where there is an event_id, a copy of what comes as a stream.
    """
    with tempfile.TemporaryDirectory(prefix="gapless-ingest-") as folder:
        with _spilling(Path(folder)):
            origin = open_origin(data, source.columns, Path(folder), format=format, name=name)
        if store.has_batch(source_table(source), origin.batch_id):
            return _repeated(source, origin, store.version(source_table(source)) or 0)
        return _ingest(store, source, origin, Path(folder), progress or _silent)


@contextmanager
def _spilling(folder: Path) -> Iterator[None]:
    """Whatever the system refuses in here, it refuses in the temporary folder."""
    try:
        yield
    except GaplessError:
        raise
    except OSError as problem:
        raise StorageError(
            "the temporary folder cannot be written",
            where=str(folder),
            seen=str(problem),
            next_step="free some space there, or set TMPDIR to a folder with more; nothing was taken in",
        ) from problem


def _silent(rows_done: int) -> None:
    """Nobody watches."""


def _repeated(source: EventSource, origin: Origin, version: int) -> IngestReport:
    return IngestReport(source.name, origin.name, 0, 0, 0, 0, True, origin.batch_id, version)


def _ingest(store: OfflineStore, source: EventSource, origin: Origin, folder: Path, progress: Progress) -> IngestReport:
    for attempt in range(_TRIES):
        here = folder / f"try-{attempt}"
        here.mkdir()
        run = _Run(store, source, origin, here, progress)
        try:
            commit = run.append()
        except Transient:
            if attempt + 1 == _TRIES:
                raise
        else:
            return _repeated(source, origin, commit.version) if commit.repeated else run.report(commit)
    raise AssertionError(_TRIES)


class _Run:
    """One try. The quarantine is committed just before the rows: a batch whose rows are in the table is finished."""

    def __init__(
        self, store: OfflineStore, source: EventSource, origin: Origin, folder: Path, progress: Progress
    ) -> None:
        self._store = store
        self._source = source
        self._origin = origin
        self._folder = folder
        self._progress = progress
        self._passes = 2 if source.event_id else 1
        self._seen = 0
        self._rows_read = 0
        self._duplicates = 0
        self._quarantine = Quarantine(folder, file=origin.name, batch_id=origin.batch_id)

    def append(self) -> Commit:
        rows = pa.RecordBatchReader.from_batches(table_schema(self._source), self._guarded())
        return self._store.append(
            source_table(self._source), rows, batch_id=self._origin.batch_id, offset_column=OFFSET
        )

    def report(self, commit: Commit) -> IngestReport:
        return IngestReport(
            source=self._source.name,
            name=self._origin.name,
            rows_read=self._rows_read,
            rows_added=commit.rows,
            rows_quarantined=self._quarantine.rows,
            rows_duplicate=self._duplicates,
            repeated=False,
            batch_id=self._origin.batch_id,
            version=commit.version,
            reasons=dict(sorted(self._quarantine.reasons.items())),
            extra_columns=self._origin.extra_columns,
        )

    def _guarded(self) -> Iterator[pa.RecordBatch]:
        with _spilling(self._folder):
            yield from self._rows()

    def _rows(self) -> Iterator[pa.RecordBatch]:
        """What the store pulls while it holds the table: nobody adds an id between our look and our commit."""
        repeats = self._find_repeats() if self._source.event_id else None
        for raw in self._origin.batches():
            cleaned = self._clean(raw)
            self._rows_read += raw.batch.num_rows + len(raw.rejected)
            self._set_aside(raw, cleaned)
            yield self._first_ones(raw, cleaned, repeats)
            self._tell(raw)
        self._commit_quarantine()

    def _find_repeats(self) -> Repeats:
        assert self._source.event_id is not None
        columns = list(self._source.columns)
        repeats = Repeats(self._folder / "ids", columns, self._source.event_id)
        for raw in self._origin.batches():
            repeats.add(self._clean(raw).batch)
            self._tell(raw)
        self._compare_with_tables(repeats, columns, self._source.event_id)
        repeats.resolve()
        return repeats

    def _compare_with_tables(self, repeats: Repeats, columns: list[str], event_id: str) -> None:
        """Reads the ids first: where none comes back, which is the rule, the rest of the tables stays unread.

        Events that were landed count as those of the table itself. Landing goes on meanwhile: of an event that comes
        both ways within the same moment, either may be the one that is not seen.
        """
        span = repeats.span
        tables = self._tables_of_the_source() if span is not None else []
        if any(repeats.touches(self._store.read(table, columns=[event_id], within=span)) for table in tables):
            for table in tables:
                for batch in self._store.read(table, within=span):
                    repeats.add_table(filled(batch, schema_to_arrow(self._source.columns)).select(columns))

    def _tables_of_the_source(self) -> list[str]:
        landed = [landed_table(self._source, p) for p in landed_partitions(self._source, self._store.tables())]
        own = source_table(self._source)
        return [*([] if self._store.version(own) is None else [own]), *landed]

    def _clean(self, raw: Raw) -> Clean:
        return clean(raw, self._source, from_text=not self._origin.has_types, file=self._origin.name)

    def _set_aside(self, raw: Raw, cleaned: Clean) -> None:
        self._quarantine.add_lines(list(raw.rejected))
        for fault in cleaned.faults:
            self._quarantine.add_rows(raw, fault.rows, fault.reason, fault.column)

    def _first_ones(self, raw: Raw, cleaned: Clean, repeats: Repeats | None) -> pa.RecordBatch:
        if repeats is None:
            return cleaned.batch
        verdicts = repeats.verdicts(cleaned.batch.num_rows)
        if not verdicts.any():
            return cleaned.batch
        self._duplicates += int(np.count_nonzero(verdicts == REPEAT))
        conflicts = cleaned.rows[verdicts == CONFLICT]
        if len(conflicts):
            self._quarantine.add_rows(raw, conflicts, "event_id_conflict", self._source.event_id)
        return cleaned.batch.filter(pa.array(verdicts == NEW))

    def _tell(self, raw: Raw) -> None:
        """Rows count in halves where the file is read twice."""
        self._seen += raw.batch.num_rows + len(raw.rejected)
        self._progress(self._seen // self._passes)

    def _commit_quarantine(self) -> None:
        self._quarantine.close()
        if self._quarantine.rows:
            self._store.append(
                quarantine_table(self._source),
                self._quarantine.reader(),
                batch_id=self._quarantine.batch_id,
                offset_column=OFFSET,
            )
