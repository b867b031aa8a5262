"""The log of some partitions is landed in the offline store once in a while, by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gapless.errors import OperatorError, RemoteError
from gapless.events.landing import Landed, land
from gapless.product import EventSource
from gapless.streaming.world import World

__all__ = ["Lander", "LanderReport"]


@dataclass
class LanderReport:
    """What was landed since the thread began, and what went wrong last; None where the last round went well."""

    rows: int = 0
    rejected: int = 0
    duplicates: int = 0
    rounds: int = 0
    fault: str | None = None


class Lander:
    """Lands what the processor has, every so often. A round that fails is told and tried again with the next.

    Parameters:
        partitions — those to land now: (source, partition).
        after — called with each partition that was landed, for what may be trimmed then.
        others — what else is to be done in each round.
    """

    def __init__(
        self,
        world: World,
        partitions: Callable[[], Sequence[tuple[EventSource, int]]],
        *,
        every_s: float,
        after: Callable[[EventSource, int, Landed], None],
        others: Callable[[], None] = lambda: None,
    ) -> None:
        self._world, self._partitions, self._every_s, self._after = world, partitions, every_s, after
        self._others = others
        self._stop = threading.Event()
        self.report = LanderReport()
        self._thread = threading.Thread(target=self._run, name="gapless-lander", daemon=True)

    def start(self) -> Lander:
        """The thread runs."""
        self._thread.start()
        return self

    def close(self) -> None:
        """One more round, in the caller's thread, then nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.round()

    def round(self) -> None:
        """Every partition is landed to its end now, as far as it can be."""
        faults = [fault for source, partition in self._partitions() if (fault := self._land(source, partition))]
        try:
            self._others()
        except (RemoteError, OperatorError) as error:
            faults.append(error.what)
        self.report.rounds += 1
        self.report.fault = "; ".join(faults) or None

    def _land(self, source: EventSource, partition: int) -> str | None:
        world = self._world
        try:
            landed = land(
                world.log, world.offline, source, partition,
                max_bytes=world.limits.land_bytes, horizon=world.limits.horizon, fault=world.fault,
            )  # fmt: skip
            self._after(source, partition, landed)
        except (RemoteError, OperatorError) as error:
            return f"{source.name}, partition {partition}: {error.what}"
        self.report.rows += landed.rows
        self.report.rejected += landed.rejected
        self.report.duplicates += landed.duplicates
        return None

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.round()
