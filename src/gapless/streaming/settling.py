"""Answers from the log into the tables that hold all answers: each once, at whatever point it dies.

    topic predictions.MODEL, partition p ─► entries from the offset noted ─► note the range
             └─► append(batch_id = the range) ─► note where it ended
What is in the note is done first by whoever comes next, as the same range.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapless.bundle.folder import sync_folder
from gapless.errors import CorruptData, NotFound, StorageError
from gapless.ports.events import EventLog, LogRecord
from gapless.ports.offline import OfflineStore
from gapless.ports.topics import predictions_topic
from gapless.serving.compact import fitting_table
from gapless.serving.entries import Entry, decode_entry
from gapless.serving.landing import Definition, Landing
from gapless.streaming.answering import ENTRY_HEADER

__all__ = ["SETTLE_POINTS", "Settled", "settle"]

SETTLE_POINTS = ("planned", "settled_table", "settled")
"""Where `fault(point, what)` is called, in order."""

_READ_BYTES = 1 << 24


@dataclass
class Settled:
    """What was moved. `tables`: rows added to each; `refused`: requests that had no answer, which are not in tables."""

    answers: int = 0
    refused: int = 0
    tables: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Range:
    """Records of a partition with offset in [start, end)."""

    start: int
    end: int


def _no_fault(point: str, what: str) -> None:
    """Nothing goes wrong."""


def settle(
    log: EventLog,
    store: OfflineStore,
    model: str,
    definition: Callable[[Entry], Definition],
    notes: Path,
    *,
    fault: Callable[[str, str], None] = _no_fault,
) -> Settled:
    """Every answer that is in the model's topic now is in its table.

    Parameters:
        definition — of the version that an entry names.
        notes — a folder for how far it came; one process at a time may settle.

    Raises: what `definition` raises for a version that cannot be looked up: nothing behind it is moved; CorruptData for
        a damaged entry, or records that the log let go of before they were moved; StorageError, Transient.

    Guarantees: killed at any point and run again, each answer is there once.
    """
    topic, report = predictions_topic(model), Settled()
    try:
        spans = log.spans(topic)
    except NotFound:  # nothing was ever answered
        return report
    for partition in range(len(spans)):
        note = notes / f"{topic}-{partition}.json"
        done, planned = _read_note(note)
        while True:
            records = _records(log, topic, partition, done, planned)
            if not records:
                break
            planned = planned or _Range(done, records[-1].offset + 1)
            _write_note(note, done, planned)
            fault("planned", topic)
            batch_id = f"answers:{topic}:{partition}:{planned.start}-{planned.end}"
            _append(store, definition, records, batch_id, report, fault)
            done, planned = planned.end, None
            _write_note(note, done, None)
            fault("settled", topic)
    return report


def _records(log: EventLog, topic: str, partition: int, done: int, planned: _Range | None) -> list[LogRecord]:
    """The next range, or all of the one that was planned."""
    if planned is None:
        return log.read(topic, partition, done, max_bytes=_READ_BYTES)
    return list(_all_of(log, topic, partition, planned))


def _all_of(log: EventLog, topic: str, partition: int, planned: _Range) -> Iterator[LogRecord]:
    at = planned.start
    while at < planned.end:
        found = [one for one in log.read(topic, partition, at, max_bytes=_READ_BYTES) if one.offset < planned.end]
        if not found:
            return
        yield from found
        at = found[-1].offset + 1


def _append(
    store: OfflineStore,
    definition: Callable[[Entry], Definition],
    records: list[LogRecord],
    batch_id: str,
    report: Settled,
    fault: Callable[[str, str], None],
) -> None:
    entries = [decode_entry(record.headers[ENTRY_HEADER]) for record in records if ENTRY_HEADER in record.headers]
    landing = Landing(definition)
    landing.add(entries)
    for name, schema, batches in landing.tables():
        table = fitting_table(store, name, schema)
        commit = store.append(table, pa.RecordBatchReader.from_batches(schema, batches), batch_id=batch_id)
        report.tables[table] = report.tables.get(table, 0) + commit.rows
        fault("settled_table", table)
    report.answers += len(entries)
    report.refused += len(records) - len(entries)


def _read_note(note: Path) -> tuple[int, _Range | None]:
    try:
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        planned = found["planned"]
        return int(found["done"]), None if planned is None else _Range(int(planned[0]), int(planned[1]))
    except FileNotFoundError:
        return 0, None
    except (ValueError, KeyError, TypeError, IndexError) as problem:
        raise CorruptData(
            "the note of how far answers were moved into tables cannot be read",
            seen=str(problem),
            where=str(note),
            next_step="look which answers of the topic are in the table, and write the offset after them as "
            '{"done": OFFSET, "planned": null}',
        ) from problem


def _write_note(note: Path, done: int, planned: _Range | None) -> None:
    fresh = note.with_suffix(".new")
    text = json.dumps({"done": done, "planned": None if planned is None else [planned.start, planned.end]})
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with open(fresh, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(note)
        sync_folder(note.parent)
    except OSError as problem:
        raise StorageError("could not note how far answers were moved", seen=str(problem), where=str(note)) from problem
