"""Records whose pending events have come in, kept for the next read of the same bytes.

Folding a pending event into tiles is done in Python and takes about a millisecond. What comes of it depends on nothing
but the record and how many of its events have become visible.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from gapless.online.record import Record, unpack, visible_from
from gapless.windows.tiles import TilePlan

__all__ = ["Folds"]

_MAX_BYTES = 32 * 2**20


@dataclass(frozen=True)
class _Kept:
    """One record: when its pending events become visible, and what it is with so many of them inside."""

    instants: Sequence[int]
    folded: dict[int, Record] = field(default_factory=dict)


class Folds:
    """The least recently used are let go of.

    Parameters:
        plans — of the groups.
        max_bytes — of records that are kept, as read and as folded; a larger one is folded each time.

    Guarantees: safe to call from several threads; a record is found by its bytes, so a changed one is another.
    """

    def __init__(self, plans: Sequence[TilePlan], *, max_bytes: int = _MAX_BYTES) -> None:
        self._plans, self._max_bytes = plans, max_bytes
        self._kept: OrderedDict[tuple[int, bytes], _Kept] = OrderedDict()
        self.kept_bytes = 0
        self._lock = Lock()

    def at(self, group: int, data: bytes, at_us: int) -> Record:
        """The record with what is visible at an instant inside its tiles: `unpack(data).at(plan, at_us)`.

        Raises: CorruptData.
        """
        record = unpack(data)
        if not record.waiting or record.changes_us > at_us:  # type: ignore[operator]
            return record
        kept = self._kept.get((group, data)) or _Kept(sorted(map(visible_from, record.pending)))
        visible = bisect_right(kept.instants, at_us)
        found = kept.folded.get(visible)
        if found is None:
            found = record.at(self._plans[group], at_us)
        self._keep(group, data, kept, visible, found)
        return found

    def _keep(self, group: int, data: bytes, kept: _Kept, visible: int, found: Record) -> None:
        with self._lock:
            there = self._kept.get((group, data))
            if there is None:  # new, or let go of meanwhile
                there = self._kept[group, data] = _Kept(kept.instants)
                self.kept_bytes += len(data)
            self._kept.move_to_end((group, data))
            if visible not in there.folded:
                there.folded[visible] = found
                self.kept_bytes += _size(found)
            while self.kept_bytes > self._max_bytes:
                (_, gone), old = self._kept.popitem(last=False)
                self.kept_bytes -= len(gone) + sum(map(_size, old.folded.values()))


def _size(record: Record) -> int:
    return len(record.tiles) + len(record.waiting)
