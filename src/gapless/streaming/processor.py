"""The processor: micro-batches from the log into the state, and requests answered on the way.

    fetch requests, then events ─► cut at one instant ─► states in memory ─► answers ─► commit answers ─► commit states
                                                          (reads of old records)   └ as of each request's time

Killed anywhere, the next start goes on from the offsets that were committed: answers with those of the requests,
states with those of the sources. Nothing is locked: a record says itself which events are in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gapless.errors import NotFound
from gapless.online.layout import Layout
from gapless.online.topology import announce
from gapless.ports.events import TopicPartition
from gapless.ports.online import Update
from gapless.ports.places import place_of
from gapless.ports.topics import events_topic
from gapless.product import EventSource
from gapless.streaming.answering import Answering
from gapless.streaming.cutting import Cut, Queue, cut
from gapless.streaming.filling import fill_one
from gapless.streaming.losing import check_there, explain_refusal
from gapless.streaming.overlay import Overlay
from gapless.streaming.parts import Change, Part
from gapless.streaming.shard import Shard, ShardChange, lost_events, open_shard
from gapless.streaming.world import World

__all__ = ["Assigned", "Followed", "Processor", "Step"]


class Assigned(Protocol):
    """Who says which partitions are this process's: a `Member`, or several."""

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are this process's now. Raises: Transient."""
        ...

    def close(self) -> None:
        """They are free for others at once."""
        ...


@dataclass(frozen=True)
class Followed:
    """A source with the layouts, as of files, of the groups that are made from it."""

    source: EventSource
    layouts: Sequence[Layout]


@dataclass(frozen=True)
class Step:
    """What one step did. `idle`: there was nothing to do."""

    events: int = 0
    answers: int = 0
    filled: int = 0
    idle: bool = True


@dataclass
class Counts:
    """What was seen of one source since the process began."""

    events: int = 0
    duplicates: int = 0
    rejected: int = 0
    repeated: int = 0
    too_late: int = 0


@dataclass(frozen=True)
class _Batch:
    """A cut, and what it changes."""

    shards: Mapping[tuple[str, int], ShardChange]
    requests: Mapping[str, Mapping[int, int]]

    def updates(self) -> dict[bytes, Update]:
        return {key: one for each in self.changes for key, one in each.updates().items()}

    def offsets(self) -> dict[bytes, Update]:
        return {key: one for each in self.changes for key, one in each.offsets().items()}

    @property
    def changes(self) -> list[Change]:
        return [each for change in self.shards.values() for each in change.changes]


@dataclass
class Processor:
    """Keeps the state of the partitions that its member has fresh, and answers requests from the log.

    Parameters:
        followed — by source name.
        member — of the groups that share the partitions of the sources.
        overlay — over the same online store, which the answerers read through.

    Use: `step` again and again, by one thread. After an error, `reset` and go on.
    """

    world: World
    followed: Mapping[str, Followed]
    member: Assigned
    answering: Sequence[Answering]
    overlay: Overlay
    shards: dict[tuple[str, int], Shard] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    fresh_us: int | None = None
    """Everything that was pushed until then is in, of all partitions of this process."""
    _refreshed_us: int = 0

    def step(self) -> Step:
        """One micro-batch, if there is one; one step of filling, if there is a part to fill.

        Raises: Conflict where somebody else keeps one of the partitions, or the store lost state: `reset`, and it
            mends itself. Transient, StorageError where log or store do not work now. CorruptData where events are gone
            that the state lacks.
        """
        self.follow()
        unready = {part.group for shard in self.shards.values() for part in shard.parts if not part.ready}
        asked = [one for one in self.answering if one.follow(unready)]
        now_us = self.world.clock.now_us()
        queues: dict[tuple[str, int, str], Queue] = {}
        # Requests first: what was pushed before one of them is then surely among the events that are fetched after it.
        for one in asked:
            queues |= {(one.model, partition, "requests"): queue for partition, queue in one.fetch(now_us).items()}
        for (name, partition), shard in self.shards.items():
            self._fetch(shard, now_us)
            queues[name, partition, "events"] = shard.cursor.queue()
        where = cut(queues, max_bytes=self.world.limits.batch_bytes)
        batch = self._batch(where, now_us)
        step = self._run(batch, now_us)
        self.fresh_us = now_us if where.known_us is None else where.known_us - 1
        filled = self._fill(self.fresh_us)
        return Step(step.events, step.answers, filled or 0, step.idle and filled is None)

    def reset(self) -> None:
        """What is known of partitions is forgotten, and read anew by the next step."""
        self.shards.clear()
        for each in self.answering:
            each.partitions.clear()

    # ---- which partitions ----------------------------------------------------------------------------

    def follow(self) -> None:
        """The partitions that are this process's now are open, and no others; a step begins with it.

        Raises: as `step`.
        """
        topics = {events_topic(each.source): name for name, each in self.followed.items()}
        mine = {(topics[one.topic], one.partition) for one in self.member.assigned() if one.topic in topics}
        for gone in self.shards.keys() - mine:
            del self.shards[gone]
        for name, partition in sorted(mine - self.shards.keys()):
            followed = self.followed[name]
            shard = open_shard(self.world, followed.source, partition, followed.layouts)
            self.shards[name, partition] = shard
            self._announce(shard)

    def _announce(self, shard: Shard) -> None:
        """Readers look for partitions once one of them is all there; what they do not find is missing from then on."""
        if shard.parts and all(part.ready for part in shard.parts):
            announce(self.world.online, shard.source.name, len(self.world.log.spans(events_topic(shard.source))))

    @staticmethod
    def _fetch(shard: Shard, now_us: int) -> None:
        try:
            shard.cursor.fetch(now_us)
        except NotFound as error:
            seen = str(error.allowed or error.seen)
            raise lost_events(shard.source, shard.partition, shard.cursor.offset, seen) from error

    # ---- a batch -------------------------------------------------------------------------------------

    def _batch(self, where: Cut, now_us: int) -> _Batch:
        known_us = now_us if where.known_us is None else where.known_us - 1
        refresh = now_us - self._refreshed_us >= self.world.limits.refresh_us
        self._refreshed_us = now_us if refresh else self._refreshed_us
        shards: dict[tuple[str, int], ShardChange] = {}
        requests: dict[str, dict[int, int]] = {}
        for (name, partition, kind), count in where.counts.items():
            if kind == "requests":
                if count:
                    requests.setdefault(name, {})[partition] = count
            elif count or refresh:
                shard = self.shards[name, partition]
                shards[name, partition] = shard.change(count, self.overlay.read, as_of_us=now_us, known_us=known_us)
        return _Batch(shards, requests)

    def _run(self, batch: _Batch, now_us: int) -> Step:
        if self.answering:
            for each in batch.changes:
                each.remember()
        answers = self._answer(batch, now_us) if batch.requests else 0
        updates, offsets = batch.updates(), batch.offsets()
        if offsets:
            self.world.fault("states", str(len(updates)))
            self._commit(updates, offsets)
        for name, change in batch.shards.items():
            self.shards[name].done(change)
            self._count(name[0], change)
        events = sum(change.taken.events for change in batch.shards.values() if change.taken is not None)
        worked = any(change.count for change in batch.shards.values()) or bool(batch.requests)
        return Step(events, answers, 0, not worked)

    def _commit(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> None:
        """Where a store is atomic for a key alone, how far the log is in is said once every record was taken."""
        store = self.world.online
        steps = [(updates, offsets)] if store.capabilities.atomic == "commit" else [(updates, {}), ({}, offsets)]
        for some, ends in steps:
            if store.commit(some, ends).older:
                explain_refusal(store, self._ready(), some, ends)
        self.world.fault("committed", str(len(updates)))

    def _answer(self, batch: _Batch, now_us: int) -> int:
        parts = self._ready()
        recent = {part.layout.namespace: part.recent for part in parts}
        before = sum(one.answered + one.refused for one in self.answering)
        with self.overlay.batch(batch.updates() | batch.offsets(), recent):
            for one in self.answering:
                if one.model in batch.requests:
                    one.answer(batch.requests[one.model], now_us, lambda: check_there(self.world.online, parts))
        return sum(one.answered + one.refused for one in self.answering) - before

    def _ready(self) -> list[Part]:
        return [part for shard in self.shards.values() for part in shard.ready]

    def _count(self, name: str, change: ShardChange) -> None:
        counts = self.counts.setdefault(name, Counts())
        if change.taken is not None:
            counts.events += change.taken.events
            counts.duplicates += change.taken.duplicates
            counts.rejected += len(change.taken.rejected)
        for each in change.changes:
            if each.applied is not None:
                counts.repeated += each.applied.repeated
                counts.too_late += each.applied.too_late

    # ---- filling -------------------------------------------------------------------------------------

    def _fill(self, known_us: int) -> int | None:
        for shard in self.shards.values():
            filled = fill_one(self.world, shard, known_us)
            if filled is not None:
                self._announce(shard)
                return filled
        return None

    def lag(self) -> dict[tuple[str, int], int]:
        """Records of each partition that are in the log and not in the state."""
        shards = list(self.shards.items())  # another thread may ask
        topics = {name: events_topic(shard.source) for (name, _), shard in shards}
        spans = {name: self.world.log.spans(topic) for name, topic in topics.items()}
        return {
            (name, partition): spans[name][partition].end - shard.cursor.offset for (name, partition), shard in shards
        }

    def reached(self) -> dict[tuple[str, int], int]:
        """The place in each partition below which all events are in, for those whose parts are all ready."""
        return {
            name: place_of(shard.cursor.offset)
            for name, shard in self.shards.items()
            if all(part.ready for part in shard.parts)
        }
