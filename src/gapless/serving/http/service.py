"""What every endpoint stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from gapless.clock import Clock
from gapless.errors import GaplessError, StorageError
from gapless.ports.prediction_log import PredictionLog
from gapless.serving.answers import Answered, Models, Signature
from gapless.serving.http.doors import Door
from gapless.serving.http.drain import Drain
from gapless.serving.http.meters import Meters, Snapshot, Workers
from gapless.serving.http.problems import Problem
from gapless.serving.http.pushing import Pushing
from gapless.serving.http.reply import Exchange
from gapless.serving.http.rows import RowDecoder, request_decoder
from gapless.serving.http.waiting import Acknowledging, LogState, Threads

__all__ = ["Limits", "Service"]

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How much one call may ask for.

    Parameters:
        body_bytes — of a request; rows — in one call.
        seconds — for the body to arrive, for the answer to be computed and for the log to be written, each.
        inline_bytes — a body up to that size is answered in the event loop where state is local: a thread costs more.
        threads — that compute the other ones; waiting — how many of those calls may be under way or waiting.
    """

    body_bytes: int = 16 << 20
    rows: int = 10_000
    seconds: float = 30.0
    inline_bytes: int = 8 << 10
    threads: int = 8
    waiting: int = 128


class Service:
    """The models, the log and everything around them, in one process.

    Parameters:
        clock — the instant of asking; ticks — seconds of a clock that never goes back, for durations.
        workers — the other processes' counts; None: there are no others.
        log_state — what the log knows of itself.
        pushing — where events go; None: this server takes none.
    """

    def __init__(
        self,
        *,
        models: Models,
        log: PredictionLog,
        door: Door,
        clock: Clock,
        ticks: Callable[[], float],
        meters: Meters,
        drain: Drain,
        limits: Limits | None = None,
        workers: Workers | None = None,
        log_state: Callable[[], LogState] = LogState,
        pushing: Pushing | None = None,
    ) -> None:
        self.models, self.door, self.drain = models, door, drain
        self.clock, self.ticks, self.meters, self.workers = clock, ticks, meters, workers
        self.pushing = pushing
        self.limits = limits = limits or Limits()
        self.threads = Threads(threads=limits.threads, waiting=limits.waiting, seconds=limits.seconds)
        self.acknowledging = Acknowledging(log, ticks, seconds=limits.seconds, state=log_state)
        self._decoders: dict[str, tuple[str, str, RowDecoder]] = {}
        self._aged: dict[str, float] = {}

    async def body(self, exchange: Exchange) -> bytes:
        """The body, within the limits."""
        return await exchange.body(self.limits.body_bytes, self.limits.seconds)

    def decoder(self, signature: Signature) -> RowDecoder:
        """For requests of a model; made once per version."""
        found = self._decoders.get(signature.model)
        if found is not None and found[0] == signature.version and found[1] == signature.definition_hash:
            return found[2]
        made = request_decoder(signature, self.limits.rows)
        self._decoders[signature.model] = (signature.version, signature.definition_hash, made)
        return made

    async def compute(self, size: int, call: Callable[[], T], *, begun: bool = False) -> T:
        """The result of a call, here where it is small and cannot block, else in a thread; `begun`: see `Threads`."""
        if size <= self.limits.inline_bytes and self.models.local:
            return call()
        return await self.threads.run(call, begun=begun)

    async def log_answers(self, answered: Answered) -> None:
        """The answers are on disk and may be given.

        Raises: Problem 503 where they cannot be, 504 where it takes too long.
        """
        began = self.ticks()
        try:
            await self.acknowledging.written(answered.log_entries)
        except StorageError:
            self.meters.add("gapless_log_failures", ())
            raise Problem(503, "log_failed", "the prediction log cannot be written", retry_after_s=1) from None
        except TimeoutError:
            self.meters.add("gapless_log_failures", ())
            raise Problem(504, "log_slow", "the prediction log took too long", retry_after_s=1) from None
        self.stage(answered.model, "log", self.ticks() - began)

    def stage(self, model: str, stage: str, seconds: float) -> None:
        """A part of answering took so long."""
        self.meters.observe("gapless_stage_seconds", (model, stage), seconds)

    def count(self, answered: Answered) -> None:
        """What was answered is in the metrics."""
        which = (answered.model, answered.version)
        self.meters.add("gapless_rows", which, len(answered.rows))
        for row in answered.rows:
            self.meters.add("gapless_answers", (*which, row.trust))
        for stage, us in answered.stages.items():
            self.stage(answered.model, stage, us / 1e6)
        if self.ticks() - self._aged.get(answered.model, -1.0) >= 1.0:  # ages change slowly and there are many
            self._show_ages(answered)

    def _show_ages(self, answered: Answered) -> None:
        self._aged[answered.model] = self.ticks()
        for view, age in answered.ages.items():
            self.meters.set(
                "gapless_feature_age_seconds", (answered.model, view), float("inf") if age is None else age / 1e6
            )

    def ready(self) -> bool:
        """Whether requests are welcome."""
        return not self.drain.begun and self.acknowledging.failure() is None and self.models.health().ready

    def snapshots(self) -> list[Snapshot]:
        """The counts of all processes of this server."""
        self._show_state()
        return [self.meters.snapshot] if self.workers is None else self.workers.snapshots()

    async def publish_counts(self) -> None:
        """Tells the other processes what this one counted, once a second, until cancelled."""
        while self.workers is not None:
            self._show_state()
            with suppress(OSError):  # a full disk: the file stays as it was, the next second tries again
                self.workers.publish()
            await asyncio.sleep(1.0)

    def _show_state(self) -> None:
        log = self.acknowledging.state()
        self.meters.set("gapless_ready", (), float(self.ready()))
        self.meters.set("gapless_log_at_risk", (), log.at_risk)
        self.meters.reach("gapless_log_lost", (), log.lost)
        self.meters.replace("gapless_model", dict.fromkeys(self._loaded(), 1.0))

    def _loaded(self) -> Iterator[tuple[str, str, str]]:
        for name in self.models.models():
            with suppress(GaplessError):  # live and not loaded: health says so
                signature = self.models.get(name).signature
                yield name, signature.version, signature.definition_hash
