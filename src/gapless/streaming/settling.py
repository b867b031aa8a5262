"""Answers from the log into the tables that hold all answers: each once, killed at any point, by any number of hands.

    topic predictions.MODEL, partition p ─► the range planned last, again ─► plan the next range ─► append it ─► …

Plans are rows of the table settled/MODEL/p, each named by where it begins, so that only one plan can begin there. A
range is appended under its own name, so that doing it again adds nothing. Whoever comes does the last plan again, then
goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from gapless.errors import CorruptData, NotFound
from gapless.events.landing import trim_older
from gapless.faults import Fault, no_fault
from gapless.ports.events import EventLog, LogRecord
from gapless.ports.offline import OfflineStore
from gapless.ports.tables import settled_table
from gapless.ports.topics import predictions_topic
from gapless.serving.compact import fitting_table
from gapless.serving.entries import Entry, decode_entry
from gapless.serving.landing import Definition, Landing
from gapless.streaming.cursor import records_between
from gapless.streaming.telling import ENTRY_HEADER

__all__ = ["SETTLE_POINTS", "Settled", "settle"]

SETTLE_POINTS = ("planned", "settled_table", "settled")
"""Where `fault(point, what)` is called, in order."""

_READ_BYTES = 1 << 24
_START, _END = "start", "end"
_SCHEMA = pa.schema([(_START, pa.int64()), (_END, pa.int64())])


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


def settle(
    log: EventLog,
    store: OfflineStore,
    model: str,
    definition: Callable[[Entry], Definition],
    *,
    trim_before_us: int | None = None,
    fault: Fault = no_fault,
) -> Settled:
    """Every answer that is in the model's topic now is in its table.

    Parameters:
        definition — of the version that an entry names.
        trim_before_us — records that were appended before, and are in tables, may go from the topic; None: all stay.
            The last one of a partition stays: it says where answering goes on, should the group lose its offsets.

    Raises: what `definition` raises for a version that cannot be looked up: nothing behind it is moved; CorruptData for
        a damaged entry, or records that the log let go of before they were moved; StorageError, Transient.

    Guarantees: killed at any point and run again, or run by several at once, each answer is there once.
    """
    topic, report = predictions_topic(model), Settled()
    try:
        spans = log.spans(topic)
    except NotFound:  # nothing was ever answered
        return report
    for partition in range(len(spans)):
        run = _Run(log, store, model, partition, definition, report, fault)
        end = run.to_the_end()
        if trim_before_us is not None:
            trim_older(log, topic, partition, below=end - 1, known_before_us=trim_before_us)
    return report


class _Run:
    """One partition."""

    def __init__(
        self,
        log: EventLog,
        store: OfflineStore,
        model: str,
        partition: int,
        definition: Callable[[Entry], Definition],
        report: Settled,
        fault: Fault,
    ) -> None:
        self._log, self._store, self._partition, self._definition = log, store, partition, definition
        self._topic, self._plans = predictions_topic(model), settled_table(model, partition)
        self._report, self._fault = report, fault

    def to_the_end(self) -> int:
        """All of it is in tables; gives the offset after it."""
        last, begins = self._last_plan(), self._log.spans(self._topic)[self._partition].start
        if last is not None and begins < last.end:  # else it was done before it was let go of
            self._do(_Range(max(last.start, begins), last.end))
        while (following := self._plan(0 if last is None else last.end)) is not None:
            self._do(following)
            last = following
        return 0 if last is None else last.end

    def _last_plan(self) -> _Range | None:
        if self._store.version(self._plans) is None:
            return None
        plans = self._store.read(self._plans, columns=[_START, _END]).read_all().to_pylist()
        newest = max(plans, key=lambda plan: plan[_START])
        return _Range(newest[_START], newest[_END])

    def _plan(self, start: int) -> _Range | None:
        """The range that begins there, as this or another one planned it; None at the end of the topic."""
        records = self._read(start)
        if not records:
            return None
        row = pa.record_batch([[start], [records[-1].offset + 1]], schema=_SCHEMA)
        rows = pa.RecordBatchReader.from_batches(_SCHEMA, [row])
        self._store.append(self._plans, rows, batch_id=f"from:{start}")
        self._fault("planned", self._topic)
        return self._last_plan()

    def _do(self, planned: _Range) -> None:
        """Of a range whose beginning is gone, all is in tables already: its name says so."""
        records = records_between(self._read, planned.start, planned.end)
        self._append(records, f"answers:{self._topic}:{self._partition}:-{planned.end}")
        self._fault("settled", self._topic)

    def _append(self, records: list[LogRecord], batch_id: str) -> None:
        entries = [decode_entry(record.headers[ENTRY_HEADER]) for record in records if ENTRY_HEADER in record.headers]
        landing, added = Landing(self._definition), 0
        landing.add(entries)
        for name, schema, batches in landing.tables():
            table = fitting_table(self._store, name, schema)
            commit = self._store.append(table, pa.RecordBatchReader.from_batches(schema, batches), batch_id=batch_id)
            self._report.tables[table] = self._report.tables.get(table, 0) + commit.rows
            added += commit.rows
            self._fault("settled_table", table)
        self._report.answers += added
        self._report.refused += len(records) - len(entries)

    def _read(self, offset: int) -> list[LogRecord]:
        try:
            return self._log.read(self._topic, self._partition, offset, max_bytes=_READ_BYTES)
        except NotFound as error:
            raise CorruptData(
                "the log no longer holds answers that were not moved into tables",
                seen=str(error.seen),
                allowed=f"{self._topic}, partition {self._partition}, from offset {offset} on",
                next_step="keep topics of answers until gapless compact has run; what is gone cannot be had again",
            ) from error
