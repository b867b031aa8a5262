"""Events of one partition into one part of the state: which records change, and to what.

The position of a record says up to which place in the log the key's events are in. Events below it are left out, so
a batch may overlap what was applied before, be cut elsewhere, or be applied by two at once: each event is in once.
Records of an earlier filling count as none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.errors import BugError, CorruptData
from gapless.online.chunks import NOTHING, arrived_by_key, combined, damaged_record
from gapless.online.extending import extended
from gapless.online.heads import Heads, heads_of, oldest_kept
from gapless.online.keyed import Keyed, KeyedEvents
from gapless.online.layout import Layout
from gapless.online.record import Record, unpack
from gapless.ports.online import Update
from gapless.ports.places import PLACE_SHIFT, order_base, position_at
from gapless.windows.states import retained

__all__ = ["Applied", "Read", "apply"]

Read = Callable[[Sequence[bytes]], Sequence[bytes | None]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


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


def apply(layout: Layout, batch: pa.RecordBatch, read: Read, *, as_of_us: int, end: int, base: int = 0) -> Applied:
    """The records of all keys of the batch with its events in.

    Parameters:
        layout — of the partition that the batch is of.
        batch — the group's columns, `_known_at` and `_offset`, the places in the log; all below `end`, the first place
            of a record.
        read — the records that are there.
        base — of the filling that the records belong to.
        as_of_us — events that are not visible by then wait in the record until they are.

    Raises: CorruptData for a record that is damaged; InputError for one that has become larger than a store takes;
        what `read` raises.

    Guarantees: pure, but for `read`. However the log was cut, states of the same events are equal.
    """
    keyed = Keyed.of(layout, batch, order_base=order_base(_partition(layout)))
    position, there = position_at(base, end), read(keyed.keys)
    heads = _heads(layout, keyed.keys, there)
    after, found = heads.position.tolist(), there
    if base and heads.position.min(initial=base + 1) <= base:
        found = [None if place <= base else data for place, data in zip(after, there, strict=True)]
        heads = _heads(layout, keyed.keys, found)
    fresh, repeated = _not_in_yet(layout, keyed, heads, base)
    wait = _waits(fresh.events, heads, as_of_us)
    made, newest = _records(layout, fresh, found, heads, wait, as_of_us, position)
    touched = np.zeros(len(keyed.keys), np.bool_)
    touched[fresh.events.key] = True
    columns = zip(keyed.keys, made, after, touched.tolist(), strict=True)
    updates = {key: Update(position, value, before) for key, value, before, is_new in columns if is_new}
    before = dict(zip(keyed.keys, found, strict=True))
    return Applied(updates, before, fresh, repeated, _too_late(layout, fresh.events, newest))


def _partition(layout: Layout) -> int:
    assert layout.partition is not None, "of a partition, not of files"
    return layout.partition


def _heads(layout: Layout, keys: Sequence[bytes], found: Sequence[bytes | None]) -> Heads:
    heads = heads_of(found)
    if isinstance(heads, int):
        _record(layout, keys[heads], found[heads])
        raise BugError("two parsers of records disagree", seen=keys[heads].hex())
    return heads


def _record(layout: Layout, key: bytes, data: bytes | None) -> Record:
    if data is None:
        return NOTHING
    try:
        return unpack(data)
    except CorruptData as error:
        raise damaged_record(layout, key, error) from error


def _not_in_yet(layout: Layout, keyed: Keyed, heads: Heads, base: int) -> tuple[Keyed, int]:
    """(the events that are not in the records, how many others there are)."""
    records = np.maximum(heads.position - base, 0)  # up to this one of the log they hold everything
    if not len(records) or not len(keyed.events.key):
        return keyed, 0
    record = (keyed.events.offset - order_base(_partition(layout))) >> PLACE_SHIFT
    if records.max() <= record.min():
        return keyed, 0
    fresh = record >= records[keyed.events.key]
    return Keyed(keyed.keys, keyed.events.take(np.flatnonzero(fresh))), int(np.count_nonzero(~fresh))


def _waits(events: KeyedEvents, heads: Heads, as_of_us: int) -> Bools:
    """By key: whether an event begins to wait, or one that waited comes in."""
    wait: Bools = heads.changes_us <= as_of_us
    wait[events.key[events.visible_from > as_of_us]] = True
    return wait


def _records(
    layout: Layout, fresh: Keyed, found: Sequence[bytes | None], heads: Heads, wait: Bools, as_of_us: int, end: int
) -> tuple[list[bytes], Ints]:
    """(the records with the new events in, the newest instant of each before them); those that wait go one by one."""
    if not wait.any():
        return extended(layout, fresh, heads, end), heads.newest_us
    made: list[bytes] = [b""] * len(found)
    newest = heads.newest_us.copy()
    many, few = np.flatnonzero(~wait), np.flatnonzero(wait)
    for i, value in zip(many.tolist(), extended(layout, fresh.of_keys(many), heads.take(many), end), strict=True):
        made[i] = value
    mine = fresh.of_keys(few)
    old = [_record(layout, fresh.keys[i], found[i]).at(layout.plan.tiles, as_of_us) for i in few.tolist()]
    done = combined(layout, arrived_by_key(layout, mine, as_of_us), old, end)
    for i, key, record in zip(few.tolist(), mine.keys, old, strict=True):
        made[i], newest[i] = done[key], record.newest_us
    return made, newest


def _too_late(layout: Layout, events: KeyedEvents, newest: Ints) -> int:
    """Only an event that happened before what is in can be."""
    behind = np.flatnonzero(events.time < newest[events.key])
    at_us = oldest_kept(newest[events.key[behind]])
    return int(np.count_nonzero(~retained(layout.plan, events.time[behind], at_us)))
