"""The event log as a source of Spark's streams: ranges of offsets, read by tasks, through the log's own port.

    driver machine   where to begin ─► where it ends now ─► ranges, dealt out to tasks
    executors                                                └─► blocks of records, one binary value each

No connector jar is needed: an executor opens the log as this process does, Kafka or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

from gapless.errors import Transient
from gapless.ports.events import EventLog, Span
from gapless.ports.ranges import Range, blocks_of

__all__ = ["BLOCKS", "LogFeed", "LogReader", "Task", "log_source"]

BLOCKS = pa.schema([pa.field("block", pa.binary())])
_BLOCK_BYTES = 1 << 20
_Offsets = Mapping[str, Any]


@dataclass(frozen=True)
class LogFeed:
    """What is read, and how much at a time. It can be pickled, as can what it holds.

    Parameters:
        log — gives the event log; called again and again in a process, so it opens it once.
        begin — by topic, the offset in each partition at which a query begins.
        now_us — what time it is.
        max_records — of a micro-batch, over all partitions.
        tasks — the most that a micro-batch is dealt out to.
        look_every_us — so often there is a micro-batch also where nothing is new, for what grows old.
    """

    log: Callable[[], EventLog]
    begin: Callable[[], Mapping[str, Sequence[int]]]
    now_us: Callable[[], int]
    max_records: int
    tasks: int
    look_every_us: int


class Task(InputPartition):
    """The ranges that one task reads, one after the other."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        super().__init__(None)
        self.ranges = list(ranges)


class LogReader(DataSourceStreamReader):
    """Plans micro-batches, and reads them.

    An offset is {"asked_us": …, "ends": {topic: [offset]}, "last": {topic: [whether the log ended there]}}.

    Guarantees: the ranges of a micro-batch follow from its two offsets alone, so one that is planned again is the same.
    """

    def __init__(self, feed: LogFeed) -> None:
        self._feed = feed

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        """Where `begin` says."""
        ends = {topic: list(offsets) for topic, offsets in self._feed.begin().items()}
        return {"asked_us": 0, "ends": ends, "last": {}}

    def latestOffset(self, start: _Offsets, limit: object) -> dict[str, Any]:  # noqa: N802
        """What the log holds now, up to `max_records` behind `start`; `start` itself where nothing is due."""
        feed, log = self._feed, self._feed.log()
        asked_us = max(feed.now_us(), start["asked_us"])
        try:
            spans = {topic: log.spans(topic) for topic in start["ends"]}
        except Transient:
            return dict(start)  # whoever applies the batches asks the log as well, and says so
        ends = bounded(start["ends"], spans, feed.max_records)
        if ends == start["ends"] and asked_us - start["asked_us"] < feed.look_every_us:
            return dict(start)
        last = {topic: [end >= spans[topic][p].end for p, end in enumerate(each)] for topic, each in ends.items()}
        return {"asked_us": asked_us, "ends": ends, "last": last}

    def partitions(self, start: _Offsets, end: _Offsets) -> list[Task]:
        """Every partition of every topic, also those with nothing new, over at most `tasks` tasks."""
        before, asked_us = start["ends"], end["asked_us"]
        ranges = [
            Range(topic, p, before[topic][p] if p < len(before[topic]) else offset, offset, asked_us, last)
            for topic, offsets in end["ends"].items()
            for p, (offset, last) in enumerate(zip(offsets, end["last"][topic], strict=True))
        ]
        return [Task(each) for each in dealt_out(ranges, self._feed.tasks)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """A block in each batch."""
        assert isinstance(partition, Task), "of `partitions`"
        log = self._feed.log()
        for where in partition.ranges:
            for block in blocks_of(log, where, max_bytes=_BLOCK_BYTES):
                yield pa.record_batch([pa.array([block.to_bytes()], pa.binary())], schema=BLOCKS)


def log_source(name: str, feed: LogFeed) -> type[DataSource]:
    """A class to be registered, for queries by its name. Addresses and passwords are in no option of it."""
    called = name

    class GaplessLog(DataSource):
        """The event log in blocks."""

        def __init__(self, options: MutableMapping[str, str]) -> None:
            super().__init__(dict(options))

        @classmethod
        def name(cls) -> str:
            return called

        def schema(self) -> str:
            return "block binary"

        def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: N802
            return LogReader(feed)

    return GaplessLog


def bounded(
    starts: Mapping[str, Sequence[int]], spans: Mapping[str, Sequence[Span]], max_records: int
) -> dict[str, list[int]]:
    """Where a micro-batch ends in each partition: the same share for all that have more.

    A partition that was added to a topic gets its start first, and its records with the next micro-batch.

    Guarantees: where something is new, something is taken. An end is never before its start.
    """
    new = {
        (topic, p): span.end - starts[topic][p]
        for topic, each in spans.items()
        for p, span in enumerate(each[: len(starts[topic])])
    }
    share = max(1, max_records // max(1, sum(count > 0 for count in new.values())))
    return {
        topic: [
            starts[topic][p] + max(0, min(new[topic, p], share)) if (topic, p) in new else span.start
            for p, span in enumerate(each)
        ]
        for topic, each in spans.items()
    }


def dealt_out(ranges: Sequence[Range], tasks: int) -> list[list[Range]]:
    """The ranges in at most so many heaps, about as many records in each, the same for the same ranges."""
    heaps: list[list[Range]] = [[] for _ in range(min(tasks, len(ranges)))]
    sizes = [0] * len(heaps)
    for each in sorted(ranges, key=lambda one: (one.start - one.end, one.topic, one.partition)):
        least = min(range(len(heaps)), key=lambda i: (sizes[i], i))
        heaps[least].append(each)
        sizes[least] += each.end - each.start + 1
    return heaps
