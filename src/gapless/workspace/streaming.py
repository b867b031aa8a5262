"""A workspace's stream: what it follows, what it answers, and everything that runs beside it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from gapless.clock import SteadyClock
from gapless.errors import Conflict, GaplessError, RemoteError
from gapless.events.landing import Landed, trim_landed
from gapless.online import OnlineReader
from gapless.ports.tables import source_table
from gapless.ports.topics import events_topic
from gapless.product import EventSource, Model
from gapless.streaming.answering import Answering
from gapless.streaming.lander import Lander
from gapless.streaming.losing import forget
from gapless.streaming.overlay import Overlay
from gapless.streaming.parts import opened
from gapless.streaming.processor import Processor, Step
from gapless.streaming.worker import Worker
from gapless.streaming.world import Limits, World
from gapless.workspace.answering import Predictors, live
from gapless.workspace.following import Members, consumer_groups, create_topics, followed, sources
from gapless.workspace.materializing import fill_files
from gapless.workspace.parts import Parts

if TYPE_CHECKING:
    from gapless.serving.live import Live

__all__ = ["Stream", "StreamOptions", "open_stream"]

_JOINING_S = 30.0
"""How long a group of consumers may take to deal out partitions."""


@dataclass(frozen=True)
class StreamOptions:
    """How a stream runs.

    Parameters:
        answer — answer requests from the log for models with `streaming=True`.
        land_every_s — how often the log is landed in the offline store.
        keep_us — how long landed events stay in the log as well.
        allow_pickle — open versions with runtime="python" too, whose pickles then run.
        rebuild — fill streamed state anew, from tables and the log, for state that is damaged; readers see none until
            it is through.
        tell — told what went wrong and is tried again.
    """

    limits: Limits = field(default_factory=Limits)
    answer: bool = True
    land_every_s: float = 60.0
    keep_us: int = 7 * 86_400_000_000
    allow_pickle: bool = False
    rebuild: bool = False
    tell: Callable[[GaplessError], None] = lambda error: None
    fault: Callable[[str, str], None] = lambda point, what: None


class Stream:
    """Everything of one process, opened. `run` until told to stop, or `run_to_end`; then `close`.

    Parameters:
        stopping — set by whoever wants it to end, from any thread or a signal handler.
    """

    def __init__(self, parts: Parts, options: StreamOptions, stopping: Event) -> None:
        self._parts, self._options = parts, options
        self._stop = stopping
        log = parts.events
        self.world = World(log, parts.online, parts.offline, SteadyClock(parts.clock), options.limits, options.fault)
        self._overlay = Overlay(parts.online)
        self._live: Live | None = None
        self._revision: int | None = None
        self._looked_s = 0.0
        self.notes: list[str] = []
        create_topics(parts)
        models = [model for model in parts.product.models if model.streaming and options.answer]
        self.processor = Processor(
            self.world,
            followed(parts, self.notes),
            Members.of(parts),
            [self._answering(model) for model in models],
            self._overlay,
        )
        if options.rebuild:
            self._forget()
        self.worker = Worker(self.processor, self._prepare, options.tell, self._wait)
        self.lander = Lander(
            self.world, self._to_land, every_s=options.land_every_s, after=self._trim, others=self._take_in_files
        )
        self._files: dict[str, int | None] = self._versions_of_files()

    # ---- running -------------------------------------------------------------------------------------

    def run(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Until `stop`. Raises: what the worker raises."""
        self.lander.start()
        _collect_rarely()

        def watched(step: Step) -> None:
            self._look_at_deployments()
            watch(step)

        self.worker.run(self._stop.is_set, watch=watched)

    def run_to_end(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Until everything that is in the log now is in the state, and every request that is there is answered.

        Raises: Conflict where other processes have every partition; what the worker raises.
        """
        idle, waited_s = 0, 0.0
        while idle < 2 and not self._stop.is_set():
            step = self.worker.once()
            if step is None:
                self._wait(0.05)
                continue
            watch(step)
            idle = idle + 1 if step.idle else 0
            if step.idle and not self._holds_partitions():
                idle, waited_s = 0, waited_s + 0.05
                self._wait(0.05)
                if waited_s > _JOINING_S:
                    raise Conflict(
                        "other processes have every partition of the event log",
                        seen="no partition for this one",
                        next_step="let them go on, or stop one of them first",
                    )

    def _holds_partitions(self) -> bool:
        """Whether every group that was joined has given this process something to do."""
        answering = self.processor.answering
        return bool(self.processor.shards) and all(each.partitions or each.waits_for for each in answering)

    def stop(self) -> None:
        """`run` ends after the batch that is under way."""
        self._stop.set()

    def close(self) -> None:
        """What is in the log is landed; members leave their groups; nothing runs any more."""
        self.lander.close()
        self.processor.member.close()
        for each in self.processor.answering:
            each.member.close()
        if self._live is not None:
            self._live.close()

    def report(self) -> dict[str, Any]:
        """Plain values: what was done since the start, and how far behind it is."""
        processor, landed = self.processor, self.lander.report
        return {
            "sources": {
                name: vars(counts) | {"late": self._late(name)} for name, counts in sorted(processor.counts.items())
            },
            "partitions": [
                {"source": name, "partition": partition, "lag": lag, "ready": sum(p.ready for p in shard.parts),
                 "parts": len(shard.parts)}
                for ((name, partition), lag), shard in zip(
                    processor.lag().items(), processor.shards.values(), strict=True
                )
            ],
            "answers": {
                each.model: {"answered": each.answered, "refused": each.refused, "waits_for": each.waits_for}
                for each in processor.answering
            },
            "landed": vars(landed),
            "fresh_us": processor.fresh_us,
            "fault": self.worker.last_fault,
        }  # fmt: skip

    def _late(self, name: str) -> int:
        return sum(shard.late for (source, _), shard in self.processor.shards.items() if source == name)

    # ---- parts ---------------------------------------------------------------------------------------

    def _forget(self) -> None:
        for each in self.processor.followed.values():
            for partition in range(len(self.world.log.spans(events_topic(each.source)))):
                parts = opened(each.layouts, partition, self.world.online, recent_bytes=0)
                forget(self.world.online, [part for part in parts if part.ready])

    def _answering(self, model: Model) -> Answering:
        if self._live is None:
            predictors = Predictors(
                self._parts, clock=self.world.clock, ticks=time.perf_counter_ns,
                allow_pickle=self._options.allow_pickle, store=self._overlay,
            )  # fmt: skip
            self._live = live(self._parts, predictors)
            self._live.start()
        serving, name = self._live, model.name
        member = consumer_groups(self.world.log).join(f"gapless.answers.{name}", [events_topic(model.requests)])
        return Answering(self.world, name, model.requests, lambda: serving.get(name), member, self._overlay)

    def _prepare(self) -> None:
        """The state of files is there for every group: what streams in lies beside it."""
        layouts = [layout for each in self.processor.followed.values() for layout in each.layouts]
        groups = [layout.group for layout in layouts]
        states = OnlineReader(groups, {}, self.world.online).heads().groups
        missing = {state.namespace for state in states if state.partition is None and state.as_of_us is None}
        fill_files(self._parts, [layout.group for layout in layouts if layout.namespace.hex() in missing])

    def _versions_of_files(self) -> dict[str, int | None]:
        return {source.name: self.world.offline.version(source_table(source)) for source in sources(self._parts)}

    def _take_in_files(self) -> None:
        """What was ingested since the last time is in the state of files."""
        now = self._versions_of_files()
        changed = {name for name, version in now.items() if version != self._files[name]}
        now_followed = dict(self.processor.followed)
        fill_files(self._parts, [layout.group for name in changed for layout in now_followed[name].layouts])
        self._files = now

    def _look_at_deployments(self) -> None:
        """A version that was promoted may need groups that nobody followed."""
        now_s = time.monotonic()
        if now_s - self._looked_s < 2.0:
            return
        self._looked_s = now_s
        try:
            revision = self._parts.metadata.deployments.revision()
        except RemoteError:
            return
        if self._revision not in (None, revision):
            self.processor.followed = followed(self._parts, self.notes)
            self.processor.reset()
            self._prepare()
        self._revision = revision

    # ---- landing -------------------------------------------------------------------------------------

    def _to_land(self) -> list[tuple[EventSource, int]]:
        return [(shard.source, shard.partition) for shard in list(self.processor.shards.values())]

    def _trim(self, source: EventSource, partition: int, landed: Landed) -> None:
        offsets = [landed.end, *self._cursors(source, partition)]
        trim_landed(
            self.world.log, source, partition, below=min(offsets),
            known_before_us=self.world.clock.now_us() - self._options.keep_us,
        )  # fmt: skip

    def _cursors(self, source: EventSource, partition: int) -> list[int]:
        shard = self.processor.shards.get((source.name, partition))
        found = [] if shard is None else [shard.cursor.offset]
        for each in self.processor.answering:
            requests = each.partitions.get(partition)
            if each.source.name == source.name and requests is not None:
                found.append(requests.cursor.offset)
        return found

    def _wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)


def _collect_rarely() -> None:
    """What is loaded stays, and a batch makes much that its end frees: collecting after each costs a seventh."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def open_stream(parts: Parts, options: StreamOptions | None = None, stopping: Event | None = None) -> Stream:
    """See `Workspace.stream`."""
    return Stream(parts, options or StreamOptions(), stopping or Event())
