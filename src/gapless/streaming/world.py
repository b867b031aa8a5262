"""What the processor stands on, and how much it may take at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from gapless.clock import Clock
from gapless.faults import Fault, no_fault
from gapless.features import Deriving
from gapless.ports.events import EventLog
from gapless.ports.offline import OfflineStore
from gapless.ports.online import OnlineStore
from gapless.streaming.delivered import Feed

__all__ = ["Limits", "World"]


@dataclass(frozen=True)
class Limits:
    """How much at a time.

    Parameters:
        batch_bytes — of the values of a micro-batch: more make fewer commits, each later.
        buffer_bytes — of one partition that may wait in memory: what is beyond stays in the log.
        recent_bytes — of the past of one part that is kept to answer requests from.
        fill_rows — of a landed table that make one commit while a part is filled.
        land_bytes — of the log that become one commit of the landed table.
        horizon — accepted events of a partition among which an event_id counts once.
        refresh_us — how often a part without events says that it is up to date.
    """

    batch_bytes: int = 1 << 20
    buffer_bytes: int = 1 << 24
    recent_bytes: int = 1 << 24
    fill_rows: int = 1 << 17
    land_bytes: int = 1 << 26
    horizon: int = 100_000
    refresh_us: int = 500_000


@dataclass(frozen=True)
class World:
    """Where events come from, where state and tables are.

    Parameters:
        deriving — runs pandas functions over what the log and the tables give.
        fault — called at named points with what is under way, for tests.
        feed — where cursors read, if that is not the log itself.
    """

    log: EventLog
    online: OnlineStore
    offline: OfflineStore
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    fault: Fault = no_fault
    deriving: Deriving = field(default_factory=Deriving)
    feed: Feed | None = None
