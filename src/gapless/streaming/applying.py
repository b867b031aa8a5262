"""Events of one partition into one part of the state: which records change, and to what.

The position of a record is the place in the log up to which the key's events are in. Events below it are left out, so
a batch may overlap what was applied before, be cut elsewhere, or be applied by two at once: each event is in once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.errors import CorruptData
from gapless.events.place import order_base
from gapless.online.chunks import NOTHING, arrived_by_key, combined, damaged_record
from gapless.online.keyed import Keyed, KeyedEvents
from gapless.online.layout import Layout
from gapless.online.record import Record, oldest_kept_us, unpack
from gapless.ports.online import Update

__all__ = ["Applied", "Read", "apply"]

Read = Callable[[Sequence[bytes]], Sequence[bytes | None]]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Applied:
    """What a batch does to a part.

    Parameters:
        updates — the new records; each is taken only where the one is still there that it was made from.
        before — the records that it was made from; keyed — the events that were not in yet, by key.
        repeated — events that were in already; too_late — events that no window still covers, since later ones of
            their key are in: they change nothing that anybody reads.
    """

    updates: Mapping[bytes, Update]
    before: Mapping[bytes, bytes | None]
    keyed: Keyed
    repeated: int
    too_late: int


def apply(layout: Layout, batch: pa.RecordBatch, read: Read, *, as_of_us: int, end: int) -> Applied:
    """The records of all keys of the batch with its events in.

    Parameters:
        layout — of the partition that the batch is of.
        batch — the group's columns, `_known_at` and `_offset`, the places in the log; all below `end`.
        read — the records that are there.
        as_of_us — events that are not visible by then wait in the record until they are.

    Raises: CorruptData for a record that is damaged; InputError for one that has become larger than a store takes;
        what `read` raises.

    Guarantees: pure, but for `read`. However the log was cut, states of the same events are equal.
    """
    keyed = Keyed.of(layout, batch, order_base=order_base(_partition(layout)))
    before = dict(zip(keyed.keys, read(keyed.keys), strict=True))
    old = [_record(layout, key, data) for key, data in before.items()]
    fresh, repeated = _not_in_yet(layout, keyed, old)
    new = arrived_by_key(layout, fresh, as_of_us)
    base = [record.at(layout.plan.tiles, as_of_us) for record in old]
    made = combined(layout, new, base, end)
    touched = np.zeros(len(keyed.keys), np.bool_)
    touched[fresh.events.key] = True
    updates = {
        key: Update(end, made[key], record.position)
        for key, record, is_new in zip(keyed.keys, old, touched.tolist(), strict=True)
        if is_new
    }
    return Applied(updates, before, fresh, repeated, _too_late(layout, fresh.events, base))


def _partition(layout: Layout) -> int:
    assert layout.partition is not None, "of a partition, not of files"
    return layout.partition


def _record(layout: Layout, key: bytes, data: bytes | None) -> Record:
    if data is None:
        return NOTHING
    try:
        return unpack(data)
    except CorruptData as error:
        raise damaged_record(layout, key, error) from error


def _not_in_yet(layout: Layout, keyed: Keyed, old: Sequence[Record]) -> tuple[Keyed, int]:
    """(the events that are not in the records, how many others there are)."""
    positions = np.array([record.position for record in old], np.int64)
    if not len(positions) or not len(keyed.events.key):
        return keyed, 0
    place = keyed.events.offset - order_base(_partition(layout))
    if positions.max() <= place.min():
        return keyed, 0
    fresh = place >= positions[keyed.events.key]
    return Keyed(keyed.keys, keyed.events.take(np.flatnonzero(fresh))), int(np.count_nonzero(~fresh))


def _too_late(layout: Layout, events: KeyedEvents, old: Sequence[Record]) -> int:
    """Only an event that happened before what is in can be: those are few, and looked at one by one."""
    newest = np.array([record.newest_us for record in old], np.int64)
    if not len(newest) or not len(events.key):
        return 0
    behind = np.flatnonzero(events.time < newest[events.key])
    nothing = layout.plan.tiles.empty()
    return sum(
        not nothing.retained(int(events.time[i]), oldest_kept_us(int(newest[events.key[i]]))) for i in behind.tolist()
    )
