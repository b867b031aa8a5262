"""Requests that come as events: each answered once, as of its own instant, into the topic of its model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from gapless.errors import InputError, NotFound, Transient
from gapless.events.intake import Intake
from gapless.events.landing import warm_intake
from gapless.features import plan_groups
from gapless.online.layout import Layout
from gapless.online.slots import Slots
from gapless.online.topology import TOPOLOGY_KEY
from gapless.ports.events import MAX_RECORD_BYTES, Member, Outgoing, TopicPartition
from gapless.ports.places import place_of
from gapless.ports.topics import events_topic, predictions_topic
from gapless.product import EventSource
from gapless.serving.answers import Row
from gapless.serving.chain import Chain, attempted
from gapless.streaming.beginning import begins_at
from gapless.streaming.cursor import Cursor
from gapless.streaming.cutting import Queue
from gapless.streaming.overlay import Overlay
from gapless.streaming.telling import answer_record, refusal_record, rows_of, with_next
from gapless.streaming.world import World

__all__ = ["Answering", "Requests"]


@dataclass
class Requests:
    """One partition of the requests of a model."""

    cursor: Cursor
    intake: Intake


@dataclass
class Answering:
    """One model that answers requests from the log.

    Parameters:
        answerer — what answers now; raises NotFound and Transient where nothing does.
        answered, refused — requests, since the process began; lost — records of them that the log let go of before.
        member — of the group whose offsets say which requests were answered.
    """

    world: World
    model: str
    source: EventSource
    answerer: Callable[[], Chain]
    member: Member
    overlay: Overlay
    partitions: dict[int, Requests] = field(default_factory=dict)
    waits_for: str | None = None
    has_version: bool = False
    answered: int = 0
    refused: int = 0
    lost: int = 0
    _now: Chain | None = field(default=None, repr=False)
    _slots: tuple[object, bytes | None, Slots] | None = field(default=None, repr=False)

    def follow(self, unready: Collection[bytes]) -> Mapping[int, Requests]:
        """The partitions to read from now: this member's, while something answers; `waits_for` says why there is none.

        Parameters:
            unready — groups (see `Part.group`) that this process is filling: who needs them waits.

        Raises: what the log raises.
        """
        topic = events_topic(self.source)
        mine = {one.partition for one in self.member.assigned() if one.topic == topic}
        for gone in self.partitions.keys() - mine:
            del self.partitions[gone]
        for partition in sorted(mine - self.partitions.keys()):
            self.partitions[partition] = self._open(TopicPartition(topic, partition))
        self.waits_for = self._look(unready)
        return {} if self.waits_for else self.partitions

    def _look(self, unready: Collection[bytes]) -> str | None:
        """Takes what answers now; gives why nothing does."""
        try:
            found = self.answerer()
        except (NotFound, Transient) as error:
            self.has_version = False
            return error.what
        self.has_version = True
        if found is self._now and not unready:
            return None
        self._now, member = None, found.members[0]
        if any(Layout.of(group).namespace in unready for group in plan_groups(member.feature_set.views)):
            return "state that is being filled"
        missing = member.not_materialized()
        if missing:
            return f"complete online state of {', '.join(missing)}"
        self._now = found
        return None

    def _open(self, partition: TopicPartition) -> Requests:
        """Where the group goes on, or begins. Raises: as `begins_at`."""
        offset = self.member.committed(partition)
        if offset is None:
            offset = begins_at(self.world.log, self.model, partition)
            self.member.commit([], {partition: offset})
        limits = self.world.limits
        intake = warm_intake(
            self.world.log, self.world.offline, self.source, partition.partition, place_of(offset),
            horizon=limits.horizon,
        )  # fmt: skip
        return Requests(Cursor(self.world.log, partition, offset, max_bytes=limits.buffer_bytes), intake)

    def answer(self, counts: Mapping[int, int], now_us: int, check: Callable[[], None]) -> None:
        """The next requests of each partition are answered in the log, with the offsets after them.

        Parameters:
            check — raises where what was read to answer them was not the state that it was taken for.

        Raises: what `check` raises; Conflict where somebody else answers them; Transient; then nothing was answered.
        """
        outputs: list[tuple[str, Outgoing]] = []
        offsets: dict[TopicPartition, int] = {}
        topic = predictions_topic(self.model)
        count_of = len(self.world.log.spans(topic))
        for partition, count in counts.items():
            requests = self.partitions[partition]
            taken = requests.intake.take(requests.cursor.first(count))
            offsets[requests.cursor.partition] = after = requests.cursor.offset_after(count)
            for row in rows_of(taken.rows, list(self.source.columns)):
                told = self._outgoing(partition % count_of, row, now_us)
                outputs.append((topic, with_next(told, requests.cursor.partition, after)))
        self.world.fault("answered", self.model)
        check()
        self.member.commit(outputs, offsets)
        self.world.fault("told", self.model)
        for partition, count in counts.items():
            self.partitions[partition].cursor.advance(count)

    def _outgoing(self, partition: int, row: Row, now_us: int) -> Outgoing:
        assert self._now is not None, "something answers"
        assert self.source.event_id is not None, "requests have one"
        at_us, name = row[self.source.event_time], row[self.source.event_id]
        assert isinstance(at_us, int), "an event has its time"
        self.overlay.prepare(self._keys(row))
        with self.overlay.at(at_us):
            answered = attempted(partial(self._now.answer, [row], now_us))
        if isinstance(answered, Transient):
            raise answered
        found = answered if isinstance(answered, Exception) else answer_record(partition, answered)
        if isinstance(found, Outgoing):
            self.answered += 1
            return found
        self.refused += 1  # this row cannot be answered; the others can
        too_large = InputError("the answer is larger than a record may be", allowed=f"{MAX_RECORD_BYTES:,} bytes")
        return refusal_record(partition, self.model, name, at_us, found or too_large)

    def fetch(self, now_us: int) -> dict[int, Queue]:
        """What waits in each partition that `follow` gave.

        Requests that the log let go of before anybody answered them are passed over, counted in `lost`.
        """
        queues = {}
        for partition, requests in self.partitions.items():
            try:
                requests.cursor.fetch(now_us)
            except NotFound:
                requests = self.partitions[partition] = self._skip(requests)
                requests.cursor.fetch(now_us)
            queues[partition] = requests.cursor.queue()
        return queues

    def _skip(self, requests: Requests) -> Requests:
        where = requests.cursor.partition
        begins = self.world.log.spans(where.topic)[where.partition].start
        self.lost += begins - requests.cursor.offset
        self.member.commit([], {where: begins})
        return self._open(where)

    def _keys(self, row: Row) -> Sequence[bytes]:
        """What answering the row will read, by the first version that is asked."""
        assert self._now is not None, "something answers"
        found = self._now.members[0].feature_set
        (topology,) = self.overlay.read([TOPOLOGY_KEY])
        if self._slots is None or self._slots[0] is not found or self._slots[1] != topology:
            groups = tuple(Layout.of(group) for group in plan_groups(found.views))
            self._slots = found, topology, Slots(topology, groups)
        slots = self._slots[2]
        return [*slots.head_keys, *slots.keys_of(row)]
