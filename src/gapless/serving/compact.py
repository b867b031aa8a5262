"""Sealed segments of the prediction log into tables of the offline store: each entry once, at whatever point it dies.

    segments ─► groups ─ read, as rows ─ note the group ─► append(batch_id = the group) to each table
                                                               └► remove its segments ─ remove the note

A commit and some files for every segment of every server would be many; a group makes one. What is in the note is done
first by whoever comes next, as the same group: its segments are all there until every table has the batch.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapless.bundle.folder import sync_folder
from gapless.errors import CorruptData, GaplessError, NotFound, StorageError
from gapless.faults import Fault, no_fault
from gapless.ports.offline import OfflineStore
from gapless.ports.prediction_log import LogSegment, PredictionLogReader
from gapless.serving.entries import Entry, decode_entry
from gapless.serving.landing import Definition, Landing

__all__ = ["COMPACT_POINTS", "CompactReport", "Kept", "alone", "compact", "fitting_table"]

COMPACT_POINTS = ("read", "noted", "appended", "removing", "removed", "settled")
"""Where `fault(point, table)` is called, in order."""

GROUP_BYTES = 1 << 26

_NOTE = "moving.json"


@dataclass(frozen=True)
class Kept:
    """A segment that stays in the log, and why. `damaged`: trying again will not help."""

    segment: str
    entries: int
    damaged: bool
    why: str


@dataclass
class CompactReport:
    """What a run did.

    Parameters:
        tables — rows added to each; streamed — answers to requests that came as events.
        landed — events that were moved from the event log into the tables of their sources.
    """

    segments: int = 0
    entries: int = 0
    bytes: int = 0
    streamed: int = 0
    landed: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """Whether something is in the log that will not come out by itself."""
        return any(one.damaged for one in self.kept)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compact(
    log: PredictionLogReader,
    store: OfflineStore,
    definition: Callable[[Entry], Definition],
    notes: Path,
    *,
    group_bytes: int = GROUP_BYTES,
    progress: Callable[[int], None] | None = None,
    fault: Fault = no_fault,
) -> CompactReport:
    """Every entry of the sealed segments is in its model's table, and the segments are gone.

    Parameters:
        definition — of the version that an entry names.
        notes — a folder of the compaction's own; one process at a time works there, others wait.
        group_bytes — of the log, that become one commit per table: more are fewer files and more memory.
        progress — told how many segments are done.

    Guarantees: killed at any point and run again, each entry is there once. A segment that is damaged, or of a version
        that cannot be looked up now, is kept and reported, and the others go on.

    Raises: StorageError; Transient where somebody else wrote to a table meanwhile (run it again).

    Cost: memory of about ten times `group_bytes`.
    """
    run = _Run(log, store, definition, notes, fault)
    with alone(notes):
        run.finish()
        for group in _groups(log.sealed(), group_bytes):
            run.move(group)
            if progress is not None:
                progress(run.report.segments + len(run.report.kept))
    return run.report


class _Run:
    """One run of `compact`, under its lock."""

    def __init__(
        self,
        log: PredictionLogReader,
        store: OfflineStore,
        definition: Callable[[Entry], Definition],
        notes: Path,
        fault: Fault,
    ) -> None:
        self._log, self._store, self._definition, self._fault = log, store, definition, fault
        self._note = notes / _NOTE
        self.report = CompactReport()

    def finish(self) -> None:
        """The group that another run began is done."""
        names = _read_note(self._note)
        if names is None:
            return
        there = {segment.name: segment for segment in self._log.sealed()}
        left = [there[name] for name in names if name in there]
        if len(left) == len(names):
            landing, _ = self._load(left, keep_bad=False)
            self._append(landing, names)
        self._settle(left)

    def move(self, group: Sequence[LogSegment]) -> None:
        """The group is in the tables and out of the log, but for what cannot be read."""
        landing, whole = self._load(group, keep_bad=True)
        self._fault("read", "")
        if not whole:
            return
        names = [segment.name for segment in whole]
        _publish(self._note, names)
        self._fault("noted", "")
        self._append(landing, names)
        self._settle(whole)

    def _load(self, group: Sequence[LogSegment], *, keep_bad: bool) -> tuple[Landing, list[LogSegment]]:
        landing, whole = Landing(self._definition), []
        for segment in group:
            try:
                landing.add([decode_entry(data) for data in self._log.read(segment)])
            except GaplessError as problem:
                if not keep_bad or isinstance(problem, StorageError):
                    raise
                self._keep(segment, problem)
            else:
                whole.append(segment)
        return landing, whole

    def _keep(self, segment: LogSegment, problem: GaplessError) -> None:
        damaged = isinstance(problem, CorruptData | NotFound)
        self.report.kept.append(Kept(segment.name, segment.entries, damaged, problem.message))

    def _append(self, landing: Landing, names: Sequence[str]) -> None:
        batch_id = "log:" + hashlib.sha256("\n".join(names).encode()).hexdigest()
        for name, schema, batches in landing.tables():
            table = fitting_table(self._store, name, schema)
            reader = pa.RecordBatchReader.from_batches(schema, batches)
            commit = self._store.append(table, reader, batch_id=batch_id)
            self.report.tables[table] = self.report.tables.get(table, 0) + commit.rows
            self._fault("appended", table)

    def _settle(self, group: Sequence[LogSegment]) -> None:
        for segment in group:
            self._fault("removing", segment.name)
            self._log.remove(segment)
            self.report.segments += 1
            self.report.entries += segment.entries
            self.report.bytes += segment.bytes
        self._fault("removed", "")
        self._note.unlink()
        self._fault("settled", "")


def _groups(segments: Sequence[LogSegment], limit: int) -> Iterator[list[LogSegment]]:
    group: list[LogSegment] = []
    size = 0
    for segment in segments:
        if group and size + segment.bytes > limit:
            yield group
            group, size = [], 0
        group.append(segment)
        size += segment.bytes
    if group:
        yield group


def fitting_table(store: OfflineStore, name: str, schema: pa.Schema) -> str:
    """The table, or one beside it where its columns are others: a definition says nothing of request columns that no
    feature reads, so versions of one definition can differ in them."""
    if store.version(name) is None or store.read(name).schema.equals(schema):
        return name
    return f"{name}-{hashlib.sha256(str(schema).encode()).hexdigest()[:8]}"


@contextmanager
def alone(notes: Path) -> Iterator[None]:
    """One process at a time works with these notes; others wait."""
    notes.mkdir(parents=True, exist_ok=True)
    handle = os.open(notes / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read_note(note: Path) -> list[str] | None:
    try:
        names: list[str] = json.loads(note.read_text(encoding="utf-8"))["segments"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as problem:
        raise CorruptData(
            "the note of a compaction cannot be read",
            seen=str(problem),
            where=str(note),
            next_step="look whether the newest rows of the predictions tables are in the log too, then remove the note",
        ) from problem
    return names


def _publish(note: Path, names: Sequence[str]) -> None:
    """Durable before the first row is."""
    fresh = note.with_suffix(".new")
    try:
        with open(fresh, "w", encoding="utf-8") as out:
            json.dump({"segments": list(names)}, out)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(note)
        sync_folder(note.parent)
    except OSError as problem:
        raise StorageError("could not note down a compaction", seen=str(problem), where=str(note)) from problem
