"""Answers of a real predictor over worlds of `tests.online`, with the tables that they are verified against.

events ─┬─ ingested ─► sources/events ──► materialize ─┐
        └─ pushed ───► events/events/p ─► apply ───────┴─► store ─► predictor ─► entries
"""

import random
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns

import msgspec
import numpy as np
import pyarrow as pa

from gapless.adapters.delta import DeltaStore
from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.clock import DAY, HOUR
from gapless.errors import Transient
from gapless.online import Layout, OnlineReader, materialize
from gapless.online.offsets import Offset, to_bytes
from gapless.online.topology import announce
from gapless.ports.online import Update
from gapless.ports.places import place_of
from gapless.ports.scorer import Scores
from gapless.product import Trust
from gapless.serving import Version
from gapless.serving.entries import Entry, decode_entry
from gapless.serving.predictor import Predictor
from gapless.serving.trust import Judge
from gapless.streaming.applying import apply
from gapless.verifying.history import History
from gapless.verifying.recomputing import Opened
from gapless.verifying.served import batches_of
from gapless.verifying.verify import Choice, verify
from tests.features.world import MODEL, START, event_table
from tests.online.stores import GROUPS, MemoryStore, TableHistory, history

FEATURES = MODEL.feature_set
LAYOUT = Layout.of(GROUPS[0])
PARTITIONS = 2


class SumScorer:
    """A model that answers with the sum of its features and half of it; no answer where the first one is missing."""

    width = len(FEATURES.vector)

    def score(self, features):
        total = np.nansum(features, axis=1, dtype=np.float64).astype(np.float32)
        total[np.isnan(features[:, 0])] = np.nan
        return Scores(total, total / 2)


class Breaking:
    """A store that can be taken away."""

    def __init__(self, store):
        self.store, self.away, self.capabilities = store, False, store.capabilities

    def read(self, keys):
        if self.away:
            raise Transient("away")
        return self.store.read(keys)


@dataclass
class World:
    """Events in tables and in a store, and what was answered from it.

    Parameters:
        files, pushed — events as dicts; of each partition those that were pushed, in the order of the log.
        applied — of each partition, how many events are in the state.
    """

    folder: Path
    files: list
    pushed: list
    policy: Trust = field(default_factory=Trust)
    applied: list = field(default_factory=lambda: [0] * PARTITIONS)
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self):
        self.store = MemoryStore()
        self.breaking = Breaking(self.store)
        self.predictor = Predictor(
            Version("m", "3", "definition", "bundle"), FEATURES, SumScorer(), OnlineReader.of(FEATURES, self.breaking),
            self.policy, Judge(self.policy, None, FEATURES), probability=True, ticks=perf_counter_ns,
        )  # fmt: skip

    def materialize(self, as_of_us, count=None, **more):
        """Brings in the first files' events."""
        materialize(GROUPS, TableHistory(self.files[:count]), self.store, as_of_us=as_of_us, **more)

    def stream(self, partition, count, as_of_us, *, offset_record=True):
        """The next events of a partition are applied; without its offset record the keys are ahead of it."""
        announce(self.store, "events", PARTITIONS)
        layout = LAYOUT.of_partition(partition)
        start, end = self.applied[partition], min(self.applied[partition] + count, len(self.pushed[partition]))
        batch = landed(self.pushed[partition]).slice(start, end - start).combine_chunks().to_batches()
        updates = {}
        for one in batch:
            updates |= apply(layout, one, self.store.read, as_of_us=as_of_us, end=place_of(end)).updates
        offset = Offset(place_of(end), 0, place_of(end), as_of_us)
        known = {layout.offset_key: Update(offset.position, to_bytes(offset))} if offset_record else {}
        self.store.commit(updates, known)
        self.applied[partition] = end

    def ask(self, asks, now_us, *, away=False):
        """Answers the requests (key, instant)."""
        first = len(self.entries)
        rows = [{"id": f"r{first + i}", "a": key[0], "b": key[1], "t": at} for i, (key, at) in enumerate(asks)]
        self.breaking.away = away
        self.entries += map(decode_entry, self.predictor.answer(rows, now_us).log_entries)
        self.breaking.away = False

    def tables(self):
        """The offline store as ingest and landing leave it."""
        store = DeltaStore(self.folder / "offline")
        table = event_table(self.files).append_column(KNOWN_AT, known_column(self.files))
        store.append("sources/events", table.to_reader(), batch_id="all", offset_column=OFFSET)
        for partition, rows in enumerate(self.pushed):
            if rows:
                store.append(f"events/events/{partition}", landed(rows).to_reader(), batch_id="all")
        return store

    def verify(self, store=None, *, policy=None, entries=None, recheck=1.0, **more):
        """The report on everything that was answered."""
        opened = Opened(FEATURES, SumScorer(), policy or self.policy)
        answers = batches_of(self.entries if entries is None else entries, FEATURES)
        return verify(answers, lambda by: opened, History(store or self.tables()), Choice(recheck=recheck), **more)


def known_column(rows):
    return pa.array([e["known"] for e in rows], pa.int64()).cast(TIMESTAMP)


def landed(rows):
    """As the lander writes them: a record of the log for each event."""
    table = event_table(rows).append_column(KNOWN_AT, known_column(rows))
    return table.append_column(OFFSET, pa.array([place_of(i) for i in range(len(rows))], pa.int64()))


def world(folder, seed, *, events=160, streamed=True):
    """Random events, half of them pushed; nothing is in the store yet."""
    rows, asks = history(seed, events=events, requests=60)
    draw = random.Random(seed)
    homes = [draw.choice([-1, -1, *range(PARTITIONS)]) if streamed else -1 for _ in rows]
    by_home = {home: [row for row, mine in zip(rows, homes, strict=True) if mine == home] for home in range(-1, 2)}
    for partition in range(PARTITIONS):  # known when they are pushed, but some that a played-back history holds
        by_home[partition].sort(key=lambda row: row["known"])
    return World(folder, by_home[-1], [by_home[p] for p in range(PARTITIONS)]), asks


def lived(folder, seed, **more):
    """A world in which state was filled step by step and asked in between, at instants before, at and behind it."""
    made, asks = world(folder, seed, **more)
    draw = random.Random(seed)
    for step in range(1, 4):
        as_of = START + step * 20 * HOUR
        made.materialize(as_of, count=len(made.files) * step // 3)
        if made.pushed[0] and step > 1:
            for partition in range(PARTITIONS):
                known = [row for row in made.pushed[partition] if row["known"] <= as_of]
                made.stream(partition, len(known) - made.applied[partition], as_of)
        made.ask([(key, as_of + draw.choice([0, 1, HOUR, DAY])) for key, _ in asks[:20]], as_of + DAY)
        made.ask([(key, at) for key, at in asks[20:40]], as_of)
        made.ask([(key, as_of) for key, _ in asks[40:45]], as_of, away=True)
    return made


def changed(entry, **more):
    """The same entry, but for some fields."""
    fields = {name: getattr(entry, name) for name in Entry.__struct_fields__}
    return Entry(**{**fields, **more})


def damage(store, draw):
    """One record of some key has another bit."""
    key = draw.choice(sorted(key for key in store.values if key[8:9] == b"\x01"))
    value = bytearray(store.values[key].value)
    value[-1] ^= 1
    store.values[key] = msgspec.structs.replace(store.values[key], value=bytes(value))
