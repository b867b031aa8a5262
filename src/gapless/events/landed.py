"""The landed table of a partition: where it ends, its rows in order, and an intake that goes on behind any of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET
from gapless.errors import CorruptData, NotFound
from gapless.events.intake import HORIZON, Intake, landed_schema
from gapless.features import read_table
from gapless.ports.events import EventLog, LogRecord, Span
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.ports.places import PLACE_SHIFT, place_of, record_of
from gapless.ports.tables import examined_table, landed_partitions, landed_table
from gapless.ports.topics import events_topic
from gapless.product import EventSource

__all__ = [
    "chunks",
    "held",
    "landed_batches",
    "landed_end",
    "next_record",
    "partitions_landed",
    "record_after",
    "warm_intake",
]

_REPLAY_BYTES = 1 << 24


def landed_end(store: OfflineStore, source: EventSource, partition: int) -> int:
    """The place after the last landed event; 0 where there is none. Cost: the table's metadata."""
    return _table_end(store, landed_table(source, partition))


def partitions_landed(store: OfflineStore, source: EventSource) -> list[int]:
    """The partitions of a source that have a landed table, in order."""
    return landed_partitions(source, store.tables())


def next_record(store: OfflineStore, source: EventSource, partition: int) -> int:
    """The offset of the first record that was not looked through: all events before it that count are landed."""
    examined = _table_end(store, examined_table(source, partition))  # first: it speaks of what is landed by then
    return max(examined, record_after(landed_end(store, source, partition)))


def record_after(place: int) -> int:
    """The offset behind the record that holds the event before a place."""
    return record_of(place - 1) + 1 if place else 0


def landed_batches(
    store: OfflineStore,
    source: EventSource,
    partition: int,
    columns: Sequence[str],
    *,
    from_place: int,
    until_place: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """The columns, `_known_at` and `_offset` of landed events with a place in [from, until), in order.

    Guarantees: one version of the table, the newest when the first batch is asked for; no table has no events. A column
        that the table does not have yet is null.
    """
    version = store.version(landed_table(source, partition))
    if version is not None:
        within = TimeRange(OFFSET, from_place, until_place)
        yield from read_table(
            store, source, landed_table(source, partition), [*columns, KNOWN_AT, OFFSET], version=version, within=within
        )


def warm_intake(
    log: EventLog, store: OfflineStore, source: EventSource, partition: int, place: int, *, horizon: int = HORIZON
) -> Intake:
    """An intake that takes records from that place on as if it had taken all before it.

    The ids that it remembers are those of the newest landed events before the place, then those of the log between.

    Parameters:
        place — the first of a record.

    Raises: NotFound where the log no longer holds records before the place that were never landed; what the log and
        the store raise.

    Cost: `horizon` rows of the table, and the log from where the table ends. Nothing where there is no event_id.
    """
    start = record_of(place)
    intake = Intake(source, partition, horizon=horizon, start=start)
    if source.event_id is None:
        return intake
    looked_through = next_record(store, source, partition)
    for batch in _newest(store, source, partition, below=place_of(start), count=horizon):
        intake.seed(batch)
    if looked_through < start:
        held(log, source, partition, looked_through)
        for records in chunks(log, source, partition, (looked_through, start), max_bytes=_REPLAY_BYTES):
            intake.take(records)
    return intake


def chunks(
    log: EventLog, source: EventSource, partition: int, offsets: tuple[int, int], *, max_bytes: int
) -> Iterator[list[LogRecord]]:
    """The records with an offset in [start, end), about so many bytes at a time."""
    topic, (start, end) = events_topic(source), offsets
    while start < end:
        chunk: list[LogRecord] = []
        left = max_bytes
        while start < end and left > 0:
            found = [r for r in log.read(topic, partition, start, max_bytes=left) if r.offset < end]
            chunk += found
            left -= sum(len(record.value) for record in found)
            start = found[-1].offset + 1 if found else end
        if chunk:
            yield chunk


def held(log: EventLog, source: EventSource, partition: int, start: int) -> Span:
    """What the log holds of a partition, which reaches back to `start`.

    Raises: NotFound where it begins later: events were never landed and are gone. CorruptData where it ends before:
        it is another log than the one that was landed.
    """
    span = log.spans(events_topic(source))[partition]
    if span.start > start:
        raise NotFound(
            f"the log no longer holds events of source {source.name!r} that were never landed",
            seen=f"partition {partition} begins at offset {span.start}",
            allowed=f"{start} or earlier",
            next_step="put the log back, or have the producer push them again under a source of another name; "
            "keep logs longer than landing may stand still",
        )
    if span.end < start:
        raise CorruptData(
            f"the log of source {source.name!r} is shorter than what was landed of it",
            seen=f"partition {partition} ends at offset {span.end}",
            allowed=f"{start} or later",
            next_step="put the right log back; where it was made anew on purpose, move the tables "
            f"events/{source.name} and examined/{source.name} away",
        )
    return span


def _table_end(store: OfflineStore, table: str) -> int:
    version = store.version(table)
    if version is None:
        return 0
    stats = store.stats(table, version=version)
    if OFFSET in stats.ranges:
        return int(stats.ranges[OFFSET][1]) + 1
    last = -1  # a store that keeps no ranges is read
    for batch in store.read(table, columns=[OFFSET], version=version) if stats.rows else ():
        last = max(last, *batch.column(0).to_pylist())
    return last + 1


def _newest(
    store: OfflineStore, source: EventSource, partition: int, *, below: int, count: int
) -> Iterator[pa.RecordBatch]:
    """The newest `count` rows with a smaller place, in order.

    Places are not dense, so how far back they lie is found in steps that grow: there are one to 65,536 places to a row.
    """
    table = landed_table(source, partition)
    version = store.version(table)
    if version is None:
        return
    start, width = below, 2 * count
    while start > 0:
        start = max(below - width, 0)
        within = TimeRange(OFFSET, start, below)
        if sum(b.num_rows for b in store.read(table, columns=[OFFSET], version=version, within=within)) >= count:
            break
        width <<= PLACE_SHIFT // 4
    within = TimeRange(OFFSET, start, below)
    rows = read_table(store, source, table, landed_schema(source).names, version=version, within=within)
    yield from _last(rows, count)


def _last(batches: Iterator[pa.RecordBatch], count: int) -> Iterator[pa.RecordBatch]:
    kept: deque[pa.RecordBatch] = deque()
    rows = 0
    for batch in batches:
        kept.append(batch)
        rows += batch.num_rows
        while rows - kept[0].num_rows >= count:
            rows -= kept.popleft().num_rows
    for batch in kept:
        excess = max(rows - count, 0)
        yield batch.slice(excess)
        rows -= excess
