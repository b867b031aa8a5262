"""What Spark's tasks call: a workspace's stores, opened once in each worker process, and the partitions it keeps."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gapless.clock import SystemClock
from gapless.workspace.settings import Settings

if TYPE_CHECKING:
    from gapless.ports.events import EventLog
    from gapless.ports.ranges import Block
    from gapless.streaming.keeping import Keeper, Outcome, Work
    from gapless.streaming.world import Limits, World
    from gapless.workspace.parts import Parts

__all__ = ["Place", "begin", "bring_on", "opened_log"]

# Spark starts processes that only plan, and unpickle what they are given: little is imported before it is needed.


@dataclass(frozen=True)
class Place:
    """Which stores, for which stream. It can be pickled.

    Parameters:
        settings — folders in it are those of every machine that a task runs on.
        stream — another one for each stream: a worker process that outlives one knows nothing of it.
    """

    settings: Settings
    limits: Limits
    stream: str


def bring_on(place: Place, work: Work, blocks: Iterable[Block]) -> Iterator[Outcome]:
    """See `Keeper.apply`."""
    return _keeper(place).apply(work, blocks)


def opened_log(place: Place) -> EventLog:
    """The event log, the same one in each call of a process."""
    return _parts(place).events


def begin(place: Place, followed: bytes) -> Mapping[str, Sequence[int]]:
    """See `where_to_begin`.

    Parameters:
        followed — pickled by this process's driver.
    """
    from gapless.streaming.keeping import where_to_begin

    return where_to_begin(_world(place), pickle.loads(followed))


@lru_cache(maxsize=1)
def _keeper(place: Place) -> Keeper:
    from gapless.streaming.keeping import Keeper

    return Keeper(_world(place))


@lru_cache(maxsize=1)
def _world(place: Place) -> World:
    from gapless.streaming.world import World

    parts = _parts(place)
    return World(parts.events, parts.online, parts.offline, SystemClock(), place.limits)


@lru_cache(maxsize=1)
def _parts(place: Place) -> Parts:
    from gapless.workspace.parts import Parts

    return Parts(place.settings)
