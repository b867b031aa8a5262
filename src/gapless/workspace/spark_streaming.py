"""A workspace's stream on Spark: the driver plans and looks after things, tasks bring the partitions on."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gapless.clock import SteadyClock, SystemClock
from gapless.errors import Conflict, GaplessError, SettingsError, StorageError, Transient
from gapless.ports.events import TopicPartition
from gapless.ports.topics import events_topic
from gapless.product import EventSource
from gapless.streaming.keeping import Work
from gapless.streaming.lander import Lander
from gapless.streaming.processor import Step
from gapless.streaming.tally import Tally
from gapless.streaming.world import World
from gapless.workspace.executors import Place, begin, bring_on, opened_log
from gapless.workspace.following import Turn, create_topics, sources, stuck
from gapless.workspace.parts import Parts
from gapless.workspace.settings import Settings
from gapless.workspace.streaming import StreamOptions
from gapless.workspace.upkeep import Upkeep

if TYPE_CHECKING:
    from gapless.adapters.spark.log_stream import Run

__all__ = ["MAX_RECORDS", "SparkStream", "open_spark_stream"]

MAX_RECORDS = 100_000
"""Of a micro-batch, over all partitions."""
_JOINING_S, _PAUSE_S, _LONGEST_PAUSE_S = 30.0, 0.05, 5.0
_IDLE_BATCHES = 200
_GIVEN_UP = 5
"""So many micro-batches that Spark gave up, one after the other, are no bad moment any more."""


class SparkStream:
    """Everything of one driver, opened: see `Stream`, whose state this keeps in the same way.

    Parameters:
        master — where tasks run, as `[batch] engine` would have it.
        stopping — set by whoever wants it to end.
        max_records — of a micro-batch.
    """

    def __init__(
        self, parts: Parts, options: StreamOptions, master: str, stopping: Event, max_records: int = MAX_RECORDS
    ) -> None:
        from gapless.adapters.spark import open_session, ship, spark_master
        from gapless.adapters.spark.log_source import LogFeed
        from gapless.adapters.spark.log_stream import LogStream, has_context
        from gapless.adapters.spark.shipping import LIBRARIES

        where = spark_master(master)
        _check_answers(parts, options)
        if not (where.is_local or where.is_loopback):
            check_reachable(parts.settings, master)
        self._parts, self._options, self._stop = parts, options, stopping
        self.world = World(parts.events, parts.online, parts.offline, SteadyClock(parts.clock), options.limits)
        create_topics(parts)
        self._upkeep = Upkeep(parts)
        if options.rebuild:
            self._upkeep.forget()
        self._turn = Turn(parts)
        self._members = self._turn.members(parts)
        self._mine: frozenset[TopicPartition] = frozenset()
        self.tally, self._started, self._under_way = Tally(), False, False
        self._prepared, self._given_up, self._pause_s, self._land_at_us = False, 0, _PAUSE_S, 0
        self._watch: Callable[[Step], None] = lambda step: None
        owns_context = not has_context()
        session = open_session(where)
        self._end_session = session.stop if owns_context else lambda: None
        ship(session, libraries=[*LIBRARIES, *_libraries(parts.settings)])
        self._place = Place(parts.settings, options.limits, uuid4().hex)
        followed = pickle.dumps(self._upkeep.followed)
        feed = LogFeed(
            partial(opened_log, self._place), partial(begin, self._place, followed), SystemClock().now_us,
            max_records, session.sparkContext.defaultParallelism, options.limits.refresh_us,
        )  # fmt: skip
        self._stream = LogStream(session, f"gapless_{self._place.stream}", feed, self._batch)

    # ---- running -------------------------------------------------------------------------------------

    def run(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Until told to stop. Raises: CorruptData and whatever else needs somebody, as `Stream.run`."""
        self._begin(watch)
        while not self._stop.is_set():
            self._look()

    def run_to_end(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Until everything that is in the log now is in the state.

        Raises: Conflict where other processes have all partitions of a source; what `run` raises.
        """
        topics = [events_topic(source) for source in sources(self._parts)]
        ends = {topic: [span.end for span in self.world.log.spans(topic)] for topic in topics}
        self._begin(watch)
        waited_s = 0.0
        while not self._stop.is_set() and (self._lacking() or not self.tally.reached(ends, self._mine)):
            self._look()
            waiting = not self._under_way and self.tally.idle
            waited_s = waited_s + _PAUSE_S if waiting or self._lacking() else 0.0
            if waited_s > _JOINING_S or self.tally.idle > _IDLE_BATCHES:
                raise stuck(self.tally.fault, self._lacking())

    def _lacking(self) -> list[str]:
        """The sources whose groups have dealt no partition to this process: not yet, or others have all."""
        held = {one.topic for one in self._mine}
        return sorted(name for name, each in self._upkeep.followed.items() if events_topic(each.source) not in held)

    def _begin(self, watch: Callable[[Step], None]) -> None:
        self._watch = watch
        self._land_at_us = self.world.clock.now_us() + self._land_every_us

    def _look(self) -> None:
        try:
            self._mine = self._members.assigned()
        except Transient as error:
            self._options.tell(error)
        try:
            if not self._started:
                self._stream.start()
                self._started = True
            self._stream.wait(_PAUSE_S)
        except Transient as error:  # of Spark's own: it plans no micro-batch any more
            self._started = False
            self._gave_up(error)
            self._trouble(error)

    def stop(self) -> None:
        """`run` ends after the batch that is under way."""
        self._stop.set()

    def close(self) -> None:
        """What is in the log is landed; members leave their groups; nothing runs any more."""
        self._stream.stop()
        self._end_session()
        lander = Lander(
            self.world, self._to_land, every_s=1.0, after=lambda source, partition, landed: None,
            others=self._upkeep.take_in_files,
        )  # fmt: skip
        lander.round()
        self.tally.add_landed(lander.report)
        self._members.close()
        self._turn.close()

    def _to_land(self) -> list[tuple[EventSource, int]]:
        followed = {events_topic(each.source): each.source for each in self._upkeep.followed.values()}
        return [(followed[topic], partition) for topic, partition in sorted(self._mine) if topic in followed]

    # ---- a micro-batch -------------------------------------------------------------------------------

    def _batch(self, run: Run) -> None:
        """In a thread of Spark's. Raises: what somebody has to mend."""
        if not self._mine:
            return
        self._under_way = True
        try:
            step = self._worked(run)
        except (Transient, Conflict, StorageError) as error:
            self._trouble(error)
        else:
            self._pause_s, self.tally.fault = _PAUSE_S, None
            self._watch(step)
        finally:
            self._under_way = False

    def _worked(self, run: Run) -> Step:
        if self._upkeep.changed() or not self._prepared:
            self._upkeep.prepare()
            self._prepared = True
        now_us = self.world.clock.now_us()
        land = now_us >= self._land_at_us
        if land:
            self._land_at_us = now_us + self._land_every_us
            self._upkeep.take_in_files()
        work = Work(self._upkeep.followed, self._mine, land, self._options.keep_us)
        step, faults = self.tally.add(self._in_tasks(run, work))
        for fault in faults[1:]:
            if not isinstance(fault, Transient | Conflict | StorageError):
                raise fault
            self._options.tell(fault)
        if faults:
            raise faults[0]
        return step

    def _in_tasks(self, run: Run, work: Work) -> list[Any]:
        try:
            found = run(partial(bring_on, self._place, work))
        except Transient as error:
            self._gave_up(error)
            raise
        self._given_up = 0
        return found

    def _gave_up(self, error: Transient) -> None:
        self._given_up += 1
        if self._given_up >= _GIVEN_UP:
            raise SettingsError(
                "Spark gives up every micro-batch",
                seen=error.seen,
                next_step="look at what it says of the tasks that failed; nothing is lost, the next start goes on",
            ) from error

    def _trouble(self, error: GaplessError) -> None:
        self.tally.failed(error)
        self._prepared = False
        self._options.tell(error)
        self._stop.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    # ---- what it says of itself ----------------------------------------------------------------------

    @property
    def _land_every_us(self) -> int:
        return round(self._options.land_every_s * 1e6)

    @property
    def notes(self) -> list[str]:
        """What could not be looked at, and is left out."""
        return self._upkeep.notes

    @property
    def follows(self) -> list[str]:
        """The sources, by name."""
        return sorted(self._upkeep.followed)

    @property
    def answers(self) -> list[str]:
        """None: requests are answered elsewhere."""
        return []

    def lag(self) -> int:
        """Records of this stream's partitions that are in the log and not in the state."""
        return sum(each["lag"] for each in self.report()["partitions"])

    def report(self) -> dict[str, Any]:
        """Plain values, as those of `Stream.report`."""
        spans: Mapping[str, Any] = {
            name: self.world.log.spans(events_topic(each.source)) for name, each in self._upkeep.followed.items()
        }
        return self.tally.report({name: [span.end for span in each] for name, each in spans.items()})


def _check_answers(parts: Parts, options: StreamOptions) -> None:
    models = [model.name for model in parts.product.models if model.streaming]
    if options.answer and models:
        raise SettingsError(
            "requests that come as events are not answered on Spark",
            seen=f"streaming=True: {', '.join(models)}",
            allowed="gapless stream, which answers them from the log",
            next_step="leave --engine out; or add --no-answers, and on Kafka let another gapless stream answer",
        )


def _libraries(settings: Settings) -> list[str]:
    """What the stores of a workspace stand on."""
    online = "lmdb" if settings.online.startswith("lmdb:") else "redis"
    return ["msgspec", "deltalake", online, *(["confluent-kafka"] if settings.events.startswith("kafka:") else [])]


def check_reachable(settings: Settings, master: str) -> None:
    """Whether tasks on other machines reach the stores.

    Raises: SettingsError for a store that is files of this machine.
    """
    for line, uri, instead in (
        ("online", settings.online, "redis://HOST:PORT/DB"),
        ("events", settings.events, "kafka://HOST:PORT"),
    ):
        if uri.startswith(("lmdb:", "file:", "unix:")):
            raise SettingsError(
                f"[stores] {line} is of this machine, and Spark's tasks may run on others",
                seen=f"{uri} with {master}",
                allowed=f"{instead}, or a master on this machine: spark:local[2], spark://127.0.0.1:PORT",
                next_step="name a store that every machine reaches, or stream with --engine spark:local[*]",
            )


def open_spark_stream(
    parts: Parts, options: StreamOptions, master: str, stopping: Event | None = None, *, max_records: int = MAX_RECORDS
) -> SparkStream:
    """A stream whose tasks run on Spark.

    Raises: SettingsError where requests are to be answered, or a store is out of reach of tasks; MissingExtra; what
        opening a session raises.
    """
    return SparkStream(parts, options, master, stopping or Event(), max_records)
