"""What Spark does with a stream, in one thread: plans ranges, deals them out to workers, tries again, and forgets."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from itertools import chain

from gapless.errors import Conflict
from gapless.online.record import unpack
from gapless.ports.events import TopicPartition
from gapless.ports.ranges import Block, Range, blocks_of
from gapless.ports.topics import events_topic
from gapless.streaming.keeping import Keeper, Work, where_to_begin
from gapless.streaming.processor import Followed
from gapless.streaming.world import World
from gapless.testing import Crash
from tests.features.world import EVENTS
from tests.online.test_reading import bits
from tests.streaming.worlds import GROUPS, LAYOUT, batch

TOPIC = events_topic(EVENTS)
NAMESPACES = {LAYOUT.of_partition(p).namespace for p in range(4)}


class Scheduler:
    """Plans and runs batches over what a stage holds.

    Parameters:
        workers — processes that keep what they know between batches; any of them gets any range.
        careless — ranges come in other pieces, again, to two workers, or their records get lost on the way.
    """

    def __init__(self, stage, seed, *, workers=3, careless=True, layouts=(LAYOUT,), keep_us=1 << 60):
        self.stage, self.draw, self.careless = stage, random.Random(seed), careless
        self.followed = {"events": Followed(stage.source, list(layouts))}
        self.keepers = [self.keeper() for _ in range(workers)]
        self.crashes, self.keep_us = 0, keep_us
        self.ends = self.restart()
        self.outcomes = []

    def world(self):
        stage = self.stage
        return World(stage.log, stage.online, stage.offline, stage.clock, stage.limits, stage._fault)

    def keeper(self):
        return Keeper(self.world())

    def restart(self):
        """The driver was killed, and another begins: where, the state says."""
        self.ends = where_to_begin(self.world(), self.followed)[TOPIC]
        return self.ends

    def plan(self, most=6):
        """The next ranges, one for each partition."""
        asked_us = self.stage.clock.now_us()
        ranges = []
        for partition, span in enumerate(self.stage.log.spans(TOPIC)):
            start = self.ends[partition]
            end = max(start, min(span.end, start + self.draw.randrange(most + 1)))
            ranges.append(Range(TOPIC, partition, start, end, asked_us, end >= span.end))
            self.ends[partition] = end
        return ranges

    def batch(self, ranges=None):
        """One batch, and what became of it; a worker that crashed is replaced and its task tried again."""
        ranges = self.plan() if ranges is None else ranges
        self.draw.shuffle(ranges)
        cut = self.draw.randrange(len(ranges) + 1)
        outcomes = []
        for task in (ranges[:cut], ranges[cut:]):
            outcomes += self.task(task)
            if self.careless and self.draw.random() < 0.2:
                outcomes += self.task(task)  # speculated, or the same batch again
        if any(isinstance(one.fault, Conflict) for one in outcomes):
            self.stage.fill_files()
        for one in outcomes:
            if one.fault is not None and not isinstance(one.fault, Conflict):
                raise one.fault
        self.outcomes += outcomes
        return outcomes

    def task(self, ranges):
        for _ in range(4):
            worker = self.draw.randrange(len(self.keepers))
            work = Work(self.followed, frozenset(one.where for one in ranges), self.draw.random() < 0.1, self.keep_us)
            try:
                found = list(self.keepers[worker].apply(shipped(work), self.delivered(ranges)))
            except Crash:
                self.crashes += 1
                self.keepers[worker] = self.keeper()
            else:
                return shipped(found)
        self.restart()  # the scheduler gives up
        return []

    def delivered(self, ranges) -> Iterator[Block]:
        """Blocks as they come over the wire."""
        blocks = chain.from_iterable(self._blocks(one) for one in ranges)
        return (Block.from_bytes(block.to_bytes()) for block in blocks)

    def _blocks(self, where):
        blocks = list(blocks_of(Quiet(self.stage.log), where, max_bytes=self.draw.choice([1, 300, 10_000])))
        lost = self.careless and self.draw.random() < 0.2
        return blocks[: self.draw.randrange(len(blocks)) + 1] if lost else blocks

    def drain(self):
        """Until everything is in."""
        for _ in range(200):
            spans = self.stage.log.spans(TOPIC)
            outcomes = self.batch()
            ends = {one.where.partition: one for one in outcomes if one.fault is None}
            if len(ends) == len(spans) and all(
                one.offset >= spans[p].end and one.ready == one.parts for p, one in ends.items()
            ):
                return
        raise AssertionError("it never comes to the end")


class Quiet:
    """A log that is read where no fault is injected."""

    def __init__(self, log):
        self._log = log

    def read(self, *args, **options):
        return self._log.read(*args, **options)


def shipped(value):
    """To another process."""
    return pickle.loads(pickle.dumps(value))


def tiles(store):
    """What the records of the log's parts hold, without how the log was cut."""
    found = {}
    for key, update in store.values.items():
        if key[:8] in NAMESPACES and len(key) > 9:
            record = unpack(update.value)
            found[key] = (record.newest_us, record.waiting, record.tiles)
    return found


def same_state(stage, asks):
    """Reads have the bits of batch."""
    return bits(stage.read(asks)[0]) == bits(batch(stage.ordered, asks))


__all__ = ["GROUPS", "TOPIC", "Scheduler", "TopicPartition", "same_state", "shipped", "tiles"]
