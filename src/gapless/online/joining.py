"""Parts of the same state into one state for each group, as a read wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gapless.errors import CorruptData
from gapless.windows.states import StateMerger

__all__ = ["join"]


def join(
    states: Sequence[bytes | None], group_of: Sequence[int], merger: StateMerger, hurt: set[int]
) -> tuple[list[bytes | None], list[int]]:
    """(a state per row and group, the place of its first part in `states`).

    Parameters:
        states — whole ones, row by row and part by part; None where there is none.
        group_of — the group of each part of a row; parts of a group stand together.
        merger — over the plans of the groups.
        hurt — takes the places of first parts whose group could not be merged: some part is no state of its plan.

    Cost: groups with one part at most are passed on; the others of all rows are merged in one call, once more for each
        further part.
    """
    width, groups = len(group_of), group_of[-1] + 1
    joined: list[bytes | None] = [None] * (len(states) // width * groups)
    origin = [0] * len(joined)
    waiting: list[tuple[int, bytes]] = []
    for place, state in enumerate(states):
        row, part = divmod(place, width)
        to = row * groups + group_of[part]
        if part == 0 or group_of[part - 1] != group_of[part]:
            origin[to] = place
        if not state:
            continue
        if joined[to] is None:
            joined[to] = state
        else:
            waiting.append((to, state))
    while waiting:
        waiting = _merge_once(joined, waiting, groups, merger, lambda to: hurt.add(origin[to]))
    return joined, origin


def _merge_once(
    joined: list[bytes | None],
    waiting: list[tuple[int, bytes]],
    groups: int,
    merger: StateMerger,
    damaged: Callable[[int], None],
) -> list[tuple[int, bytes]]:
    """One further part into each group that has some; gives those that are left."""
    now: dict[int, bytes] = {}
    later: list[tuple[int, bytes]] = []
    for to, state in waiting:
        if to in now:
            later.append((to, state))
        else:
            now[to] = state
    while now:
        pairs = [(joined[to] or b"", state) for to, state in now.items()]
        try:
            merged = merger.merge(pairs, np.array([to % groups for to in now], np.int64))
        except CorruptData as error:
            place = list(now)[int(error.seen)]  # type: ignore[call-overload]
            damaged(place)
            joined[place] = None
            del now[place]
            continue
        for to, state in zip(now, merged, strict=True):
            joined[to] = state
        break
    return later
