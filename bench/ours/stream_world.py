"""The stream that is measured: one source, one group of 25 windowed features, and what a processor needs around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.ours.stream_product import MODEL, SOURCE
from gapless.adapters.delta import DeltaStore
from gapless.adapters.lmdb import LmdbStore
from gapless.adapters.segments import FileEventLog
from gapless.arrow import KNOWN_AT, TIMESTAMP
from gapless.clock import SteadyClock, SystemClock
from gapless.events.payload import pack_batch
from gapless.features import TableSources, compute, one_batch, plan_groups
from gapless.online import Layout, OnlineReader
from gapless.ports.events import Outgoing
from gapless.ports.online import OnlineStore
from gapless.ports.topics import events_topic
from gapless.streaming.overlay import Overlay
from gapless.streaming.processor import Followed, Processor
from gapless.streaming.world import Limits, World

__all__ = [
    "MODEL", "SOURCE", "TOPIC", "Parts", "batches", "different", "opened", "outgoing", "payloads", "ready",
]  # fmt: skip

TOPIC = events_topic(SOURCE)


class Parts:
    """An embedded log, an LMDB store that syncs, a folder of tables, and the processor over them."""

    def __init__(self, folder: Path, limits: Limits, *, partitions: int = 1) -> None:
        self.log, self.online = FileEventLog(folder / "log"), LmdbStore(folder / "online")
        self.log.create(TOPIC, partitions)
        self.world = World(self.log, self.online, DeltaStore(folder / "offline"), SteadyClock(SystemClock()), limits)
        layouts = [Layout.of(group) for group in plan_groups(MODEL.views)]
        followed = {SOURCE.name: Followed(SOURCE, layouts)}
        member = self.log.join("gapless.state", [TOPIC])
        self.processor = Processor(self.world, followed, member, [], Overlay(self.online))

    def close(self) -> None:
        self.processor.member.close()
        self.log.close()
        self.online.close()


def ready(processor: Processor) -> None:
    """Every part follows the log: nothing is left to be filled from a table."""
    while not processor.step().idle:
        pass


def batches(events: str, first: int, count: int, size: int) -> Iterator[pa.RecordBatch]:
    """Rows of `bench.flow` as the source has them; each event is known when it happens."""
    found = pq.read_table(events).slice(first, count).combine_chunks()
    t = found.column("t").cast(TIMESTAMP)
    columns = {"key": found.column("key"), "v": found.column("v"), "t": t, KNOWN_AT: t}
    return iter(pa.table(columns).combine_chunks().to_batches(max_chunksize=size))


def payloads(events: str, first: int, count: int, size: int) -> list[list[Outgoing]]:
    """Records for partition 0; those of one batch are appended by one call, and so taken by one step."""
    return [outgoing(batch, 0) for batch in batches(events, first, count, size)]


def outgoing(batch: pa.RecordBatch, partition: int) -> list[Outgoing]:
    return [Outgoing(partition, value, headers=headers) for value, headers in pack_batch(SOURCE, batch)]


def different(events: str, count: int, online: OnlineStore, keys: Sequence[str], at_us: int) -> dict[str, int]:
    """How many features of the keys have other bits online than the batch kernel gives for the first events."""
    (table,) = [pa.Table.from_batches(list(batches(events, 0, count, count))).drop_columns([KNOWN_AT])]
    requests = pa.table({"id": keys, "key": keys, "t": pa.array([at_us] * len(keys), TIMESTAMP)})
    right = one_batch(compute(MODEL, requests, TableSources({SOURCE.name: table})))
    reader = OnlineReader.of(MODEL.feature_set, online)
    found = reader.read([{"key": key} for key in keys], [at_us] * len(keys)).columns()
    names = [name for name in MODEL.outputs if name.startswith("view__")]
    pairs = [(bits(found[name]), bits(right.column(name))) for name in names]
    wrong = sum(a != b for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))
    return {"compared": len(names) * len(keys), "different": wrong}


def bits(column: Any) -> list[Any]:
    return [value.hex() if isinstance(value, float) else value for value in column.to_pylist()]


def opened(folder: str, limits: Limits) -> Parts:
    """With parts that are ready, before there is an event."""
    parts = Parts(Path(folder), limits)
    ready(parts.processor)
    return parts
