"""One partition of a source on its way into the state: a cursor, what counts as new, and the parts that it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from gapless.errors import CorruptData, NotFound
from gapless.events.intake import Intake, Taken
from gapless.events.landing import land, warm_intake
from gapless.features import Deriving
from gapless.online.layout import Layout
from gapless.ports.events import TopicPartition
from gapless.ports.places import place_of, record_of
from gapless.ports.topics import events_topic
from gapless.product import EventSource
from gapless.streaming.applying import Read
from gapless.streaming.cursor import Cursor
from gapless.streaming.deriving import derived_for
from gapless.streaming.losing import mark_lost, new_fillings
from gapless.streaming.parts import NOTHING, Change, Part, caught_up, opened
from gapless.streaming.world import World

__all__ = ["Shard", "ShardChange", "lost_events", "open_shard"]


@dataclass(frozen=True)
class ShardChange:
    """What a batch does to a partition's parts. Nothing of it is written yet."""

    taken: Taken | None
    count: int
    changes: Sequence[Change]


@dataclass
class Shard:
    """A partition that this process keeps fresh.

    Parameters:
        parts — ready ones follow the cursor; the others are being filled up to it.
        landed — records of the log below this offset are in the landed table.
        deriving — runs pandas functions over what comes in.
    """

    source: EventSource
    partition: int
    cursor: Cursor
    intake: Intake
    parts: list[Part]
    landed: int
    deriving: Deriving
    late: int = 0
    _latest_us: int | None = field(default=None, repr=False)

    @property
    def ready(self) -> list[Part]:
        """The parts that readers see."""
        return [part for part in self.parts if part.ready]

    def change(self, count: int, read: Read, *, as_of_us: int, known_us: int | None) -> ShardChange:
        """What the next records change; `known_us`: see `Part.change`.

        Raises: CorruptData, InputError for a record in the store that is damaged or too large; what `read` raises.
        """
        parts = self.ready
        if not count:
            return ShardChange(None, 0, [] if known_us is None else [part.fresh(known_us) for part in parts])
        taken = self.intake.take(self.cursor.first(count))
        self._count_late(taken.rows)
        end = place_of(self.cursor.offset_after(count))
        changes = [
            part.change(rows, read, as_of_us=as_of_us, known_us=known_us, end=end)
            for part, rows in zip(parts, derived_for(parts, taken.rows, self.deriving), strict=True)
        ]
        return ShardChange(taken, count, changes)

    def land(self, world: World) -> None:
        """The landed table holds everything below the cursor."""
        self.landed = _landed(world, self.source, self.partition)

    def done(self, change: ShardChange) -> None:
        """The change is in the store."""
        for each in change.changes:
            each.done()
        self.cursor.advance(change.count)

    def catch_up(self, world: World, now_us: int, start: int) -> bool:
        """It is where the store is, also where others brought the partition on meanwhile.

        Parameters:
            start — where it goes on if no group is made from the source: then no store says so.

        Returns: False where it has to be opened anew: parts are filled, were lost, or are too far ahead.

        Raises: what the store and the log raise.

        Cost: one read of the store; where others went on, the log from here to there, for the ids that count once.
        """
        if not self.parts:
            self.cursor.pass_over(max(start, self.cursor.offset))
        found = caught_up(world.online, self.parts)
        if not found:
            return found is not None
        end = record_of(found[0].offset)
        if end - self.cursor.offset > world.limits.horizon or not self._pass_over(end, now_us):
            return False
        for part, offset in zip(self.parts, found, strict=True):
            part.offset = offset
        return True

    def _pass_over(self, end: int, now_us: int) -> bool:
        while self.source.event_id is not None and self.cursor.offset < end:
            try:
                self.cursor.fetch(now_us)
            except NotFound:  # whoever went on let go of it
                return False
            count = self.cursor.below(end)
            if not count:
                break
            self.intake.take(self.cursor.first(count))
            self.cursor.advance(count)
        self.cursor.pass_over(end)
        return True

    def _count_late(self, rows: pa.RecordBatch) -> None:
        """Events that happened before one of an earlier batch did."""
        if not rows.num_rows:
            return
        times = rows.column(self.source.event_time).view(pa.int64()).to_numpy(zero_copy_only=False)
        if self._latest_us is not None:
            self.late += int((times < self._latest_us).sum())
        self._latest_us = max(int(times.max()), self._latest_us or int(times.max()))


def open_shard(world: World, source: EventSource, partition: int, layouts: Sequence[Layout]) -> Shard:
    """The partition as the store, the table and the log know it.

    The log is landed first: the table then holds all that a part may have to be filled with.

    Parameters:
        layouts — of the groups of this source, as of files.

    Raises: CorruptData where the log lacks events that the state still needs; what the world raises.
    """
    limits, topic = world.limits, TopicPartition(events_topic(source), partition)
    parts = opened(layouts, partition, world.online, recent_bytes=limits.recent_bytes)
    landed = _landed(world, source, partition)
    _fall_back(world, source, partition, parts, landed)
    new_fillings(world.online, parts)
    ready = [record_of(part.offset.offset) for part in parts if part.ready]
    start = min(ready) if ready else landed
    _check_retained(world, source, partition, start)
    intake = warm_intake(world.log, world.offline, source, partition, place_of(start), horizon=limits.horizon)
    return Shard(source, partition, _cursor(world, topic, start), intake, parts, landed, world.deriving)


def _cursor(world: World, partition: TopicPartition, start: int) -> Cursor:
    feed, max_bytes = world.feed, world.limits.buffer_bytes
    if feed is None:
        return Cursor(world.log, partition, start, max_bytes=max_bytes)
    return Cursor(feed, partition, start, max_bytes=max_bytes, is_at_end=feed.is_at_end)


def _fall_back(world: World, source: EventSource, partition: int, parts: Sequence[Part], landed: int) -> None:
    """Parts that lack events which the log let go of are filled anew where these are landed."""
    begins = world.log.spans(events_topic(source))[partition].start
    for part in parts:
        if part.ready and record_of(part.offset.offset) < begins <= landed:
            mark_lost(world.online, part)
            part.ready, part.offset = False, NOTHING


def _landed(world: World, source: EventSource, partition: int) -> int:
    limits = world.limits
    return land(
        world.log, world.offline, source, partition,
        max_bytes=limits.land_bytes, horizon=limits.horizon, fault=world.fault,
    ).end  # fmt: skip


def _check_retained(world: World, source: EventSource, partition: int, start: int) -> None:
    span = world.log.spans(events_topic(source))[partition]
    if start < span.start:
        raise lost_events(source, partition, start, f"offsets {span.start} to {span.end}")
    if start > span.end:
        raise CorruptData(
            f"the log of source {source.name!r} is shorter than what the online state is made of",
            seen=f"partition {partition} ends at offset {span.end}",
            allowed=f"at least {start}",
            next_step="put the right log back; where it was made anew on purpose, empty the online store and remove "
            f"the tables events/{source.name}",
        )


def lost_events(source: EventSource, partition: int, offset: int, seen: str) -> CorruptData:
    """Events are neither in the state nor in a table nor in the log: going on would leave a gap."""
    return CorruptData(
        f"the log no longer holds events of source {source.name!r} that the online state has not taken in",
        seen=f"partition {partition} holds {seen}",
        allowed=f"from offset {offset} on",
        next_step="put the log back, or have its producer push them again and empty the online store; "
        "keep logs longer than gapless stream may stand still",
    )
