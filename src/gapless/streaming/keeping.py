"""Partitions that a scheduler deals out batch by batch, each brought on by a processor of its own.

    blocks of a range ─► processor of the partition: records delivered, else read from the log ─► what became of it
                            │ kept by the worker process until the next batch
                            └ where another worker had the batches between: the offsets in the store say so

The scheduler may give a range twice, to two workers, in pieces, or never: what is in is said by the store alone, and
what it did not deliver is read from the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from gapless.errors import GaplessError, OperatorError, RemoteError
from gapless.events.landing import Landed, land, next_record, trim_landed
from gapless.ports.events import TopicPartition
from gapless.ports.places import record_of
from gapless.ports.ranges import Block, Range
from gapless.ports.topics import events_topic
from gapless.streaming.delivered import Delivered
from gapless.streaming.overlay import Overlay
from gapless.streaming.parts import opened
from gapless.streaming.processor import Followed, Processor
from gapless.streaming.shard import Shard
from gapless.streaming.world import World

__all__ = ["Keeper", "Outcome", "Work", "where_to_begin"]

_FILL_STEPS = 8


@dataclass(frozen=True)
class Work:
    """What is to be done with the ranges of a batch. It can be pickled.

    Parameters:
        followed — by source name.
        mine — the partitions that this stream has; ranges of others are left to whoever has them.
        land — the partitions are landed as well, and records that are older than `keep_us` are let go of.
    """

    followed: Mapping[str, Followed]
    mine: frozenset[TopicPartition]
    land: bool
    keep_us: int


@dataclass(frozen=True)
class Outcome:
    """What became of one partition in one batch. It can be pickled.

    Parameters:
        counts — see `processor.Counts`: what this batch added.
        offset — of the next record that is not in.
        ready, parts — groups that readers see, and all groups.
        landed — None where it was not landed; unlanded — why that failed.
        fault — what went wrong; it was left where it was.
    """

    source: str
    where: TopicPartition
    events: int = 0
    filled: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    offset: int = 0
    ready: int = 0
    parts: int = 0
    fresh_us: int | None = None
    landed: Landed | None = None
    unlanded: str | None = None
    fault: GaplessError | None = None


class Keeper:
    """The processors of one worker process, by partition, for as long as it lives. For one thread.

    Parameters:
        world — its clock is not asked: a batch is as of the instant at which its range was planned.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[TopicPartition, _Kept] = {}

    def apply(self, work: Work, blocks: Iterable[Block]) -> Iterator[Outcome]:
        """Brings the partitions of the ranges on, one after the other; blocks of a range come together, in order.

        Raises: nothing that somebody has to know of: that is in the outcome.

        Guarantees: each event is in the state once, whatever ranges come, how often, and wherever it is killed.
        """
        names = {events_topic(each.source): name for name, each in work.followed.items()}
        for where, some in groupby(blocks, key=lambda block: block.range):
            if where.where in work.mine and where.topic in names:
                yield self._outcome(names[where.topic], where, some, work)

    def _outcome(self, name: str, where: Range, blocks: Iterator[Block], work: Work) -> Outcome:
        kept = self._kept.get(where.where)
        if kept is None or kept.is_other(work.followed[name]):
            kept = self._kept[where.where] = _Kept.of(self._world, name, work.followed[name], where.where)
        outcome = Outcome(name, where.where)
        try:
            outcome = kept.bring_on(where, blocks, outcome)
        except GaplessError as error:
            kept.processor.reset()
            return replace(outcome, fault=error)
        return self._landed(kept, where, outcome, work.keep_us) if work.land else outcome

    def _landed(self, kept: _Kept, where: Range, outcome: Outcome, keep_us: int) -> Outcome:
        world, source, partition = self._world, kept.followed.source, where.partition
        limits = world.limits
        try:
            landed = land(
                world.log, world.offline, source, partition,
                max_bytes=limits.land_bytes, horizon=limits.horizon, fault=world.fault,
            )  # fmt: skip
            below = min(landed.end, outcome.offset)
            trim_landed(world.log, source, partition, below=below, known_before_us=where.asked_us - keep_us)
        except (RemoteError, OperatorError) as error:
            return replace(outcome, unlanded=f"{source.name}, partition {partition}: {error.what}")
        return replace(outcome, landed=landed)


def where_to_begin(world: World, followed: Mapping[str, Followed]) -> dict[str, list[int]]:
    """By topic, the offset in each partition from which on records will be needed, as the state or the tables say.

    Raises: what the world raises.
    """
    return {
        events_topic(each.source): [
            _begin(world, each, partition) for partition in range(len(world.log.spans(events_topic(each.source))))
        ]
        for each in followed.values()
    }


def _begin(world: World, followed: Followed, partition: int) -> int:
    parts = opened(followed.layouts, partition, world.online, recent_bytes=0)
    ready = [record_of(part.offset.offset) for part in parts if part.ready]
    return min(ready) if ready else next_record(world.offline, followed.source, partition)


@dataclass
class _AsOf:
    """A clock that stands still at the instant at which a range was planned."""

    us: int = 0

    def now_us(self) -> int:
        return self.us


@dataclass(frozen=True)
class _Mine:
    """One partition, whatever happens."""

    partition: TopicPartition

    def assigned(self) -> frozenset[TopicPartition]:
        return frozenset((self.partition,))

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class _Kept:
    """The processor of one partition, and what it is fed with."""

    world: World
    followed: Followed
    processor: Processor
    feed: Delivered
    clock: _AsOf
    where: tuple[str, int]

    @classmethod
    def of(cls, world: World, name: str, followed: Followed, partition: TopicPartition) -> _Kept:
        feed, clock = Delivered(world.log), _AsOf()
        world = replace(world, feed=feed, clock=clock)
        processor = Processor(world, {name: followed}, _Mine(partition), [], Overlay(world.online))
        return cls(world, followed, processor, feed, clock, (name, partition.partition))

    def is_other(self, followed: Followed) -> bool:
        """Whether it was made for other groups, or for another definition of the source."""
        return _identity(self.followed) != _identity(followed)

    @property
    def shard(self) -> Shard | None:
        return self.processor.shards.get(self.where)

    def bring_on(self, where: Range, blocks: Iterator[Block], outcome: Outcome) -> Outcome:
        """Up to the end of the range. Raises: what the processor raises."""
        self.clock.us = where.asked_us
        self.feed.give(where, blocks)
        if self.shard is not None and not self.shard.catch_up(self.world, where.asked_us, where.start):
            self.processor.reset()
        before = self._counts()
        self.processor.follow()
        shard = self.shard
        assert shard is not None, "it follows its one partition"
        # Where it is in, and more than the range is in the log, nothing is known of what comes next.
        known = shard.cursor.offset >= where.end and not where.at_end
        events, filled = (0, 0) if known else self._steps(shard, where)
        counts = dict(self._counts() - before)
        ready, fresh_us = len(shard.ready), self.processor.fresh_us
        return replace(
            outcome, events=events, filled=filled, counts=counts, offset=shard.cursor.offset,
            ready=ready, parts=len(shard.parts), fresh_us=fresh_us,
        )  # fmt: skip

    def _steps(self, shard: Shard, where: Range) -> tuple[int, int]:
        """Up to the end of the range.

        A part that is being filled takes some steps more where the log ends there; the rest is for the next batch, so
        that nobody waits.
        """
        events = filled = steps = 0
        while True:
            step = self.processor.step()
            events, filled, steps = events + step.events, filled + step.filled, steps + bool(step.filled)
            # The last offsets of a range may hold no record: brokers keep marks of transactions there.
            there = shard.cursor.offset >= where.end or (self.feed.is_spent and not shard.cursor.waiting)
            enough = not where.at_end or steps >= _FILL_STEPS or len(shard.ready) == len(shard.parts)
            if step.idle or (there and enough):
                return events, filled

    def _counts(self) -> Counter[str]:
        counts = self.processor.counts.get(self.where[0])
        late = 0 if self.shard is None else self.shard.late
        return Counter({"late": late} | ({} if counts is None else vars(counts)))


def _identity(followed: Followed) -> tuple[object, ...]:
    return followed.source, frozenset(layout.namespace for layout in followed.layouts)
