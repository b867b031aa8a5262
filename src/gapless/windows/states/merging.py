"""States of disjoint events into one."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.errors import CorruptData
from gapless.windows.states.plan import StatePlan
from gapless.windows.tiles import Tiles

__all__ = ["merge"]


def merge(plan: StatePlan, pairs: Sequence[tuple[bytes, bytes]], *, oldest_us: int | None = None) -> list[bytes]:
    """Per pair the state of the events of both; no event may be in both. b"" stands for a state of no events.

    Returns: bytes equal to those of `Tiles.merge(...).prune(oldest_us).to_bytes()`.
    Raises: CorruptData for bytes that are no state of this plan; `seen` is the place of the first such pair.
    """
    return [_merged(plan, place, pair, oldest_us) for place, pair in enumerate(pairs)]


def _merged(plan: StatePlan, place: int, pair: tuple[bytes, bytes], oldest_us: int | None) -> bytes:
    try:
        left, right = (Tiles.from_bytes(plan.tiles, data) if data else plan.tiles.empty() for data in pair)
    except CorruptData as error:
        raise CorruptData("not the state of a key", seen=place, next_step=error.next_step) from error
    both = left.merge(right)
    return (both if oldest_us is None else both.prune(oldest_us)).to_bytes()
