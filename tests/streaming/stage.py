"""A whole stream in memory: rows and requests are pushed, processors come, work, crash and go."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from gapless.clock import DAY
from gapless.events.payload import pack_rows
from gapless.features import Deriving, TableSources, compute, float32_matrix, one_batch, plan_groups
from gapless.online import Layout, OnlineReader, materialize
from gapless.ports.events import Outgoing
from gapless.ports.topics import events_topic, predictions_topic
from gapless.product import Trust
from gapless.serving import Version
from gapless.serving.chain import Chain
from gapless.serving.entries import decode_entry
from gapless.serving.predictor import Predictor
from gapless.serving.trust import Judge
from gapless.streaming.answering import Answering
from gapless.streaming.overlay import Overlay
from gapless.streaming.processor import Followed, Processor
from gapless.streaming.telling import ENTRY_HEADER
from gapless.streaming.world import Limits, World
from tests.features.world import EVENTS, MODEL, REQUESTS, START, event_table, request_table
from tests.online.stores import MemoryStore, TableHistory, history, request
from tests.serving.test_predictor import SumScorer
from tests.streaming.memory import GroupedLog, MemoryOffline

FEATURES = MODEL.feature_set
LIMITS = Limits(batch_bytes=1_000, buffer_bytes=4_000, recent_bytes=1 << 20, fill_rows=7, refresh_us=1)


def nothing(point, what):
    """No fault."""


class DerivedHistory:
    """A history, with the columns that pandas functions make."""

    def __init__(self, history):
        self._history, self.end = history, history.end

    def read(self, source, columns, **which):
        return Deriving().batches(source, columns, lambda origin, names: self._history.read(origin, names, **which))


@dataclass
class Now:
    """A clock that goes on by a microsecond with each look."""

    us: int = START

    def now_us(self):
        self.us += 1
        return self.us


@dataclass
class Stage:
    """What outlives a processor: the log, the stores, the clock; and everything that was pushed.

    Parameters:
        fault — of the log, the stores and the processor alike.
        features — that are kept.
    """

    partitions: int = 1
    files: list[dict[str, Any]] = field(default_factory=list)
    limits: Limits = LIMITS
    log: Any = None
    online: Any = None
    offline: Any = None
    source: Any = EVENTS
    features: Any = FEATURES
    clock: Now = field(default_factory=Now)
    pushed: list[list[dict[str, Any]]] = field(default_factory=list)
    fault: Any = nothing

    def __post_init__(self):
        self.groups = plan_groups(self.features.views)
        self.log = self.log or GroupedLog(now_us=self.clock.now_us, fault=self._fault)
        self.online = self.online or MemoryStore(fault=self._fault)
        self.offline = self.offline or MemoryOffline(fault=self._fault)
        self.pushed = [[] for _ in range(self.partitions)]
        self.fill_files()
        self.log.create(events_topic(EVENTS), self.partitions)
        self.log.create(events_topic(REQUESTS), 1)
        self.log.create(predictions_topic("m"), 1)

    def fill_files(self):
        """The state of files is there."""
        history = DerivedHistory(TableHistory(self.files))
        materialize(self.groups, history, self.online, as_of_us=self.clock.us)

    def _fault(self, point, what):
        self.fault(point, what)

    def push(self, rows, partition=0):
        """One record for each row."""
        self.pushed[partition] += rows
        for row in rows:
            plain = {"a": row["key"][0], "b": row["key"][1], "x": row["x"], "text": row["text"],
                     "at": row["time"], "known": row["known"]}  # fmt: skip
            for value, headers in pack_rows(self.source, [plain], [row["known"]]):
                self.log.append(events_topic(EVENTS), [Outgoing(partition, value, b"", headers)])

    def ask(self, asks, first=0):
        """Requests r0, r1, … of (key, at)."""
        for i, (key, at) in enumerate(asks, first):
            plain = {"id": f"r{i}", "a": key[0], "b": key[1], "t": at}
            for value, headers in pack_rows(REQUESTS, [plain], [at]):
                self.log.append(events_topic(REQUESTS), [Outgoing(0, value, b"", headers)])

    def processor(self, *, answers=True, layouts=None):
        """A new process: it knows nothing but what is in the stores."""
        world = World(self.log, self.online, self.offline, self.clock, self.limits, self._fault)
        overlay = Overlay(self.online)
        layouts = [Layout.of(group) for group in self.groups] if layouts is None else list(layouts)
        model = Predictor(
            Version("m", "1", "definition", "bundle"), self.features, SumScorer(len(self.features.vector)),
            OnlineReader.of(self.features, overlay), Trust(), Judge(Trust(), None, self.features), probability=True,
            ticks=perf_counter_ns,
        )  # fmt: skip
        answering = []
        if answers:
            member = self.log.join("answers", [events_topic(REQUESTS)])
            chain = Chain("1", [model], lambda signature, error: None)
            answering = [Answering(world, "m", REQUESTS, lambda: chain, member, overlay)]
        state = self.log.join("state", [events_topic(EVENTS)])
        return Processor(world, {"events": Followed(self.source, layouts)}, state, answering, overlay)

    @property
    def ordered(self):
        """All rows in the order of ties."""
        return [*self.files, *(row for rows in self.pushed for row in rows)]

    def read(self, asks):
        """Features of requests as they are read now."""
        looked = OnlineReader.of(self.features, self.online).read(
            [request(*ask) for ask in asks], [at for _, at in asks]
        )
        own = self.features.on_demand_expressions
        return pa.table(looked.columns()).select([name for name in self.features.outputs if name not in own]), looked

    def answers(self):
        """The records of answers: (JSON, log entry)."""
        found = self.log.read(predictions_topic("m"), 0, 0, max_bytes=1 << 30)
        entries = [decode_entry(each.headers[ENTRY_HEADER]) for each in found if ENTRY_HEADER in each.headers]
        return [msgspec.json.decode(each.value) for each in found], entries


def drain(processor):
    """Until there is nothing to do."""
    idle = 0
    while idle < 2:
        idle = idle + 1 if processor.step().idle else 0


def answered(count):
    """(a stage that has answered so many requests, those and others up to thirty)."""
    stage = Stage()
    stage.clock.us = START + 10 * DAY
    stage.fill_files()
    processor = stage.processor()
    drain(processor)  # from here on it answers what comes
    rows, asks = history(2, events=20, requests=30)
    stage.push(rows)
    stage.ask(asks[:count])
    drain(processor)
    assert len(stage.answers()[1]) == count
    return stage, asks


def vectors(rows, asks, features=FEATURES):
    """What batch prediction sees."""
    sources = TableSources({"events": event_table(rows)})
    return float32_matrix(one_batch(compute(features, request_table(asks), sources)), features.vector)


def same_vectors(entries, asks, rows, features=FEATURES):
    """Each entry, by the number of its request, has the bits of batch."""
    matrix = vectors(rows, asks, features)
    for entry in entries:
        served, expected = np.frombuffer(entry.vector, "<f4"), matrix[int(entry.request_id[1:])]
        if served.tobytes() != expected.astype("<f4").tobytes():
            return False
    return True
