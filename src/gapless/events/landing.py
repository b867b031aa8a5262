"""Landing: the log of a partition becomes rows of a table, each event once, for training, batch and verify.

A chunk of the log, step by step; killed after any of them and run again, every event and every bad row is there once:

    read ─ take in ─ quarantine (rows that are not there yet) ─ append, named by where the table ended ─ next chunk

The name makes the append a compare-and-set: of two landers that stand at one place, the second finds the first one's
batch, looks where the table ends now, and goes on there. What a chunk becomes depends on the log alone, so it does not
matter which of them wrote it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gapless.arrow import OFFSET
from gapless.errors import Transient
from gapless.events.intake import HORIZON, Rejected, landed_schema
from gapless.events.landed import (
    chunks,
    held,
    landed_batches,
    landed_end,
    next_record,
    partitions_landed,
    record_after,
    warm_intake,
)
from gapless.faults import Fault, no_fault
from gapless.ingest.quarantine import QUARANTINE_SCHEMA
from gapless.ports.events import EventLog
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.ports.places import place_of, record_of
from gapless.ports.tables import examined_table, landed_table, quarantine_table
from gapless.ports.topics import events_topic
from gapless.product import EventSource

__all__ = [
    "LAND_POINTS",
    "Landed",
    "land",
    "landed_batches",
    "landed_end",
    "next_record",
    "partitions_landed",
    "trim_landed",
    "trim_older",
    "warm_intake",
]

LAND_POINTS = ("taken", "quarantined", "landed", "examined")
"""Where `fault(point, table)` is called for each chunk, in order."""

_TRIES = 5


@dataclass
class Landed:
    """What landing did.

    Parameters:
        rows — events that were added to the table; rejected — that were put into the quarantine.
        duplicates — repeats among the events that were looked through.
        end — the offset of the next record: everything before it is landed, put aside or a repeat.
    """

    rows: int = 0
    rejected: int = 0
    duplicates: int = 0
    end: int = 0


def land(
    log: EventLog,
    store: OfflineStore,
    source: EventSource,
    partition: int,
    *,
    max_bytes: int = 1 << 26,
    horizon: int = HORIZON,
    fault: Fault = no_fault,
) -> Landed:
    """All that the partition held when this was called is in the source's landed table, or in its quarantine.

    Parameters:
        max_bytes — of the log that make one commit.
        horizon — accepted events of the partition among which an id counts once; the same for all who read it.
        fault — called at each of LAND_POINTS.

    Raises: NotFound where the log no longer holds events that were never landed, or has no such topic; CorruptData
        where it is another log; InputError where a column has another type than in the table; Transient where others
        kept committing or the log does not answer; StorageError.

    Guarantees: killed at any point and called again, by any number of processes at once, each event is in the table
        once, in the order of the log, and each bad one in the quarantine once.

    Cost: memory of a few times `max_bytes`; for each call that finds events, `horizon` rows of the table are read.
    """
    run = _Run(log, store, source, partition, max_bytes, horizon, fault)
    for attempt in range(1, _TRIES + 1):
        try:
            while not run.to_the_end():
                continue
            break
        except Transient:
            if attempt == _TRIES:
                raise
    return run.done


def trim_landed(log: EventLog, source: EventSource, partition: int, *, below: int, known_before_us: int) -> int:
    """`trim_older` of the source's topic.

    Parameters:
        below — everything before it is landed, and nobody reads it again: at most `Landed.end`.
    """
    return trim_older(log, events_topic(source), partition, below=below, known_before_us=known_before_us)


def trim_older(log: EventLog, topic: str, partition: int, *, below: int, known_before_us: int) -> int:
    """Records that were appended before an instant, and have an offset below `below`, may go.

    Parameters:
        below — nobody reads anything before it again.

    Returns: the offset before which records may go. It is found by halving, so where instants do not grow with the
        offsets a record may go or stay that is younger or older than its neighbours.
    """
    span = log.spans(topic)[partition]
    low, high = span.start, min(below, span.end)
    while low < high:
        middle = (low + high) // 2
        found = log.read(topic, partition, middle, max_bytes=1)
        if found and found[0].offset < high and found[0].appended_us < known_before_us:
            low = found[0].offset + 1
        else:
            high = middle
    if low > span.start:
        log.trim(topic, partition, low)
    return low


class _Run:
    """One call of land(): where it stands, and what it did so far."""

    def __init__(
        self,
        log: EventLog,
        store: OfflineStore,
        source: EventSource,
        partition: int,
        max_bytes: int,
        horizon: int,
        fault: Fault,
    ) -> None:
        self._log, self._store, self._source, self._partition = log, store, source, partition
        self._max_bytes, self._horizon, self._fault = max_bytes, horizon, fault
        self._name = f"{events_topic(source)}/{partition}"
        self._table = landed_table(source, partition)
        self.done = Landed()

    def to_the_end(self) -> bool:
        """Lands chunk by chunk; False where somebody else landed one of them first."""
        log, store, source, partition = self._log, self._store, self._source, self._partition
        self.done.end = next_record(store, source, partition)
        after = landed_end(store, source, partition)
        self.done.end = max(self.done.end, record_after(after))
        span = held(log, source, partition, self.done.end)
        intake = None
        for records in chunks(log, source, partition, (self.done.end, span.end), max_bytes=self._max_bytes):
            if intake is None:
                at = place_of(self.done.end)
                intake = warm_intake(log, store, source, partition, at, horizon=self._horizon)
            taken = intake.take(records)
            self._fault("taken", self._table)
            self.done.rejected += self._put_aside(taken.rejected)
            self._fault("quarantined", self._table)
            if taken.rows.num_rows:
                if not self._append(taken.rows, after):
                    return False
                after = taken.rows.column(OFFSET)[-1].as_py() + 1
            self._fault("landed", self._table)
            self.done.duplicates += taken.duplicates
            self.done.end = taken.end
            if record_after(after) < taken.end:
                self._mark(taken.end)
            self._fault("examined", self._table)
        return True

    def _append(self, rows: pa.RecordBatch, after: int) -> bool:
        reader = pa.RecordBatchReader.from_batches(landed_schema(self._source), [rows])
        commit = self._store.append(self._table, reader, batch_id=f"log:{after}", widen=True)
        self.done.rows += commit.rows
        return not commit.repeated

    def _mark(self, end: int) -> None:
        """The last records brought nothing: who comes next need not look at them, even when they are gone."""
        row = pa.record_batch({OFFSET: pa.array([end - 1], pa.int64())})
        reader = pa.RecordBatchReader.from_batches(row.schema, [row])
        self._store.append(examined_table(self._source, self._partition), reader, batch_id=f"log:{end}")

    # ---- quarantine ----------------------------------------------------------------------------------

    def _put_aside(self, rejected: Sequence[Rejected]) -> int:
        """Adds those that are not there yet, as a lander that was killed may have left them; how many."""
        if not self._not_yet(rejected):
            return 0
        places = repr([(each.place, each.reason) for each in rejected]).encode()
        commit = self._store.append(
            quarantine_table(self._source),
            pa.RecordBatchReader.from_batches(QUARANTINE_SCHEMA, self._quarantine_rows(rejected)),
            batch_id=f"log:{self._name}:{hashlib.sha256(places).hexdigest()[:32]}",
            offset_column=OFFSET,
        )
        return commit.rows

    def _quarantine_rows(self, rejected: Sequence[Rejected]) -> Iterator[pa.RecordBatch]:
        """What the store pulls while it holds the table: nobody adds the same rows between our look and our commit."""
        fresh = self._not_yet(rejected)
        arrays = [
            [each.reason for each in fresh],
            [each.column for each in fresh],
            [each.text for each in fresh],
            [self._name] * len(fresh),
            [each.place for each in fresh],
            [f"log:{self._name}:{record_of(each.place)}" for each in fresh],
        ]
        columns = [pa.array(values, field.type) for values, field in zip(arrays, QUARANTINE_SCHEMA, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=QUARANTINE_SCHEMA)

    def _not_yet(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        table = quarantine_table(self._source)
        version = self._store.version(table) if rejected else None
        if version is None:
            return list(rejected)
        within = TimeRange("row_number", rejected[0].place, rejected[-1].place + 1)
        there: set[int] = set()
        for batch in self._store.read(table, columns=["file", "row_number"], version=version, within=within):
            pairs = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
            there |= {place for file, place in pairs if file == self._name}
        return [each for each in rejected if each.place not in there]
