"""A workspace's stream: what it follows, what it answers, and everything that runs beside it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

from gapless.clock import SteadyClock
from gapless.errors import GaplessError
from gapless.events.landing import Landed, trim_landed
from gapless.faults import Fault, no_fault
from gapless.ports.topics import answers_group, events_topic
from gapless.product import EventSource, Model
from gapless.streaming.answering import Answering
from gapless.streaming.lander import Lander
from gapless.streaming.overlay import Overlay
from gapless.streaming.processor import Processor, Step
from gapless.streaming.worker import Worker
from gapless.streaming.world import Limits, World
from gapless.workspace.answering import Predictors, live
from gapless.workspace.compacting import KEEP_US
from gapless.workspace.following import Turn, create_topics, sources, stuck
from gapless.workspace.parts import Parts
from gapless.workspace.upkeep import Upkeep

if TYPE_CHECKING:
    from gapless.serving.live import Live

__all__ = ["Stream", "StreamOptions", "open_stream"]

_JOINING_S, _PAUSE_S = 30.0, 0.05
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
    keep_us: int = KEEP_US
    allow_pickle: bool = False
    rebuild: bool = False
    tell: Callable[[GaplessError], None] = lambda error: None
    fault: Fault = no_fault


class Stream:
    """Everything of one process, opened. `run` until told to stop, or `run_to_end`; then `close`.

    Parameters:
        stopping — set by whoever wants it to end, from any thread or a signal handler.
    """

    def __init__(self, parts: Parts, options: StreamOptions, stopping: Event) -> None:
        self._parts, self._options = parts, options
        self._stop = stopping
        log = parts.events
        self.world = World(
            log, parts.online, parts.offline, SteadyClock(parts.clock), options.limits, options.fault, parts.deriving()
        )
        self._overlay = Overlay(parts.online)
        self._live: Live | None = None
        create_topics(parts)
        self._upkeep = Upkeep(parts)
        self._turn = Turn(parts)
        models = [model for model in parts.product.models if model.streaming and options.answer]
        self.processor = Processor(
            self.world,
            self._upkeep.followed,
            self._turn.members(parts),
            [self._answering(model) for model in models],
            self._overlay,
        )
        if options.rebuild:
            self._upkeep.forget()
        self.worker = Worker(self.processor, self._upkeep.prepare, options.tell, self._wait, self._deployments_changed)
        self.lander = Lander(
            self.world, self._to_land, every_s=options.land_every_s, after=self._trim, others=self._upkeep.take_in_files
        )

    # ---- running -------------------------------------------------------------------------------------

    def run(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Until `stop`. Raises: what the worker raises."""
        self.lander.start()
        _collect_rarely()
        self.worker.run(self._stop.is_set, watch=watch)

    def run_to_end(self, watch: Callable[[Step], None] = lambda step: None, *, patience_s: float = _JOINING_S) -> None:
        """Until everything that is in the log now is in the state, and every request that is there is answered.

        Parameters:
            patience_s — how long partitions may be dealt out, or nothing may happen.

        Raises: Conflict where other processes have all partitions of a source or of a model's requests; what the
            worker raises.
        """
        ends, waited_s = self._ends(), 0.0
        while not self._stop.is_set():
            step = self.worker.once()
            if step is not None:
                watch(step)
                if self._reached(ends):
                    return
            if step is not None and not step.idle and not self._lacking():
                waited_s = 0.0
                continue
            if waited_s > patience_s:
                waits = [each.waits_for for each in self.processor.answering if each.waits_for]
                raise stuck(self.worker.last_fault, self._lacking(), waits)
            waited_s += _PAUSE_S
            self._wait(_PAUSE_S)

    def _ends(self) -> dict[str, list[int]]:
        """By topic, the end of each partition now."""
        topics = [events_topic(source) for source in sources(self._parts)]
        return {topic: [span.end for span in self.world.log.spans(topic)] for topic in topics}

    def _reached(self, ends: Mapping[str, Sequence[int]]) -> bool:
        """Whether all of it that is this process's is in and answered, but for models that nothing answers for."""
        processor = self.processor
        if self._lacking() or processor.fresh_us is None:
            return False
        return all(
            all(part.ready for part in shard.parts)
            and shard.cursor.offset >= ends[events_topic(shard.source)][shard.partition]
            for shard in processor.shards.values()
        ) and all(
            requests.cursor.offset >= ends[events_topic(each.source)][partition]
            for each in processor.answering
            if each.has_version
            for partition, requests in each.partitions.items()
        )

    def _lacking(self) -> list[str]:
        """The sources and models whose groups have dealt no partition to this process: not yet, or others have all."""
        processor = self.processor
        held = {name for name, _ in processor.shards}
        return sorted(processor.followed.keys() - held) + [
            f"the requests of {each.model}" for each in processor.answering if not each.partitions
        ]

    def stop(self) -> None:
        """`run` ends after the batch that is under way."""
        self._stop.set()

    def close(self) -> None:
        """What is in the log is landed; members leave their groups; nothing runs any more."""
        self.lander.close()
        self.processor.member.close()
        for each in self.processor.answering:
            each.member.close()
        self._turn.close()
        if self._live is not None:
            self._live.close()

    @property
    def notes(self) -> list[str]:
        """What could not be looked at, and is left out."""
        return self._upkeep.notes

    @property
    def follows(self) -> list[str]:
        """The sources, by name."""
        return sorted(self.processor.followed)

    @property
    def answers(self) -> list[str]:
        """The models that answer requests from the log."""
        return [each.model for each in self.processor.answering]

    def lag(self) -> int:
        """Records that are in the log and not in the state."""
        return sum(self.processor.lag().values())

    def report(self) -> dict[str, Any]:
        """Plain values: what was done since the start, and how far behind it is."""
        processor, landed = self.processor, self.lander.report
        shards = processor.shards.copy()  # another thread may ask
        return {
            "sources": {
                name: vars(counts) | {"late": self._late(name)} for name, counts in sorted(processor.counts.items())
            },
            "partitions": [
                {"source": name, "partition": partition, "lag": lag, "ready": sum(p.ready for p in shard.parts),
                 "parts": len(shard.parts)}
                for (name, partition), lag in processor.lag().items()
                if (shard := shards.get((name, partition))) is not None
            ],
            "answers": {
                each.model: {name: getattr(each, name) for name in ("answered", "refused", "lost", "waits_for")}
                for each in processor.answering
            },
            "landed": vars(landed),
            "pandas_functions": [vars(run) | {"us_per_row": run.us_per_row} for run in self.world.deriving.runs()],
            "fresh_us": processor.fresh_us,
            "fault": self.worker.last_fault,
        }  # fmt: skip

    def _late(self, name: str) -> int:
        return sum(shard.late for (source, _), shard in self.processor.shards.copy().items() if source == name)

    # ---- parts ---------------------------------------------------------------------------------------

    def _answering(self, model: Model) -> Answering:
        if self._live is None:
            predictors = Predictors(
                self._parts, clock=self.world.clock, ticks=time.perf_counter_ns,
                allow_pickle=self._options.allow_pickle, store=self._overlay,
            )  # fmt: skip
            self._live = live(self._parts, predictors)
            self._live.start()
        serving, name = self._live, model.name
        member = self._turn.join(answers_group(name), [events_topic(model.requests)])
        return Answering(self.world, name, model.requests, lambda: serving.get(name), member, self._overlay)

    def _deployments_changed(self) -> bool:
        """A version that was promoted may need groups that nobody followed: then they are, from now on."""
        if not self._upkeep.changed():
            return False
        self.processor.followed = self._upkeep.followed
        return True

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
