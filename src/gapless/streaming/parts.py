"""One part of the state that a partition keeps fresh: its offset record, and what a batch changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from gapless.errors import CorruptData
from gapless.online.layout import Layout
from gapless.online.offsets import Offset, from_bytes, to_bytes
from gapless.ports.online import OnlineStore, Update
from gapless.product import stored_columns
from gapless.streaming.applying import Applied, Read, apply
from gapless.streaming.recent import Recent, Step

__all__ = ["NOTHING", "Change", "Part", "caught_up", "opened"]

NOTHING = Offset(0, 0, 0, None)
"""Of a part that nobody ever wrote."""


@dataclass
class Part:
    """A group's events of one partition.

    Parameters:
        offset — what its offset record says: events below the place `offset.offset` are in.
        ready — readers see it; until then its offset record is one that they do not look at.
        group — the namespace of the group's files: what parts of one group share.
    """

    layout: Layout
    group: bytes
    offset: Offset
    ready: bool
    recent: Recent = field(repr=False)

    @property
    def key(self) -> bytes:
        """Where its offset record is now."""
        return self.layout.offset_key if self.ready else self.layout.filling_key

    def columns(self) -> list[str]:
        """What it reads of the source whose events come in; pandas functions make the others of these."""
        return sorted(stored_columns(self.layout.group.source, self.layout.group.columns))

    def change(self, batch: pa.RecordBatch, read: Read, *, as_of_us: int, known_us: int | None, end: int) -> Change:
        """What a batch up to a place changes; nothing is written yet.

        Parameters:
            as_of_us — see `applying.apply`.
            known_us — everything that was pushed until then is in with this batch; None: nobody can say yet.
        """
        if not batch.num_rows:
            return Change(self, None, self._next(end, known_us))
        applied = apply(self.layout, batch, read, as_of_us=as_of_us, end=end, base=self.offset.base)
        return Change(self, applied, self._next(end, known_us))

    def fresh(self, known_us: int) -> Change:
        """Nothing new, up to an instant."""
        return Change(self, None, self._next(self.offset.offset, known_us))

    def _next(self, end: int, known_us: int | None) -> Offset:
        before = self.offset
        known = before.as_of_us if known_us is None else max(known_us, before.as_of_us or known_us)
        return Offset(before.position + 1, before.base, max(end, before.offset), known)


@dataclass(frozen=True)
class Change:
    """A part on its way from one commit to the next."""

    part: Part
    applied: Applied | None
    offset: Offset

    def updates(self) -> dict[bytes, Update]:
        """Of the records."""
        return {} if self.applied is None else dict(self.applied.updates)

    def offsets(self) -> dict[bytes, Update]:
        """Of the offset record; taken only where the one before is still there."""
        after = self.part.offset.position
        return {self.part.key: Update(self.offset.position, to_bytes(self.offset), after)}

    def remember(self) -> None:
        """What the records were before is kept for requests that ask for it."""
        if self.applied is not None:
            self.part.recent.add(Step(self.applied.before, self.applied.keyed))

    def done(self) -> None:
        """The commit is there."""
        self.part.offset = self.offset


def opened(groups: Sequence[Layout], partition: int, store: OnlineStore, *, recent_bytes: int) -> list[Part]:
    """The parts of a partition as the store knows them. One that cannot be read, or never was through, begins anew.

    Parameters:
        groups — the layouts of their files.

    Raises: what the store raises.
    """
    layouts = [group.of_partition(partition) for group in groups]
    keys = [key for layout in layouts for key in (layout.offset_key, layout.filling_key)]
    found = store.read(keys)
    parts = []
    for place, layout in enumerate(layouts):
        live, filling = (_offset(data) for data in found[2 * place : 2 * place + 2])
        recent, group = Recent(layout, max_bytes=recent_bytes), groups[place].namespace
        if isinstance(live, Offset) and live.as_of_us is not None:
            parts.append(Part(layout, group, live, True, recent))
        else:
            parts.append(Part(layout, group, filling if isinstance(filling, Offset) else NOTHING, False, recent))
    return parts


def caught_up(store: OnlineStore, parts: Sequence[Part]) -> list[Offset] | None:
    """The offset records of one partition's parts where others brought all of them on, to one place.

    Returns: an empty list where they are as they are here; None where anything else became of them.

    Raises: what the store raises.
    """
    found = [_offset(data) for data in store.read([part.key for part in parts])]
    if found == [part.offset for part in parts]:
        return []
    offsets = [offset for offset in found if isinstance(offset, Offset) and offset.as_of_us is not None]
    if len(offsets) < len(parts) or len({offset.offset for offset in offsets}) > 1:
        return None
    gone_on = all(
        part.ready and part.offset.base == offset.base and part.offset.offset <= offset.offset
        for part, offset in zip(parts, offsets, strict=True)
    )
    return offsets if gone_on else None


def _offset(data: bytes | None) -> Offset | Literal["nothing", "damaged"]:
    if data is None:
        return "nothing"
    try:
        return from_bytes(data)
    except CorruptData:
        return "damaged"
