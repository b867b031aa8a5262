"""The records that some events change: built for all their keys at once, merged with what is there.

events ─► codes of keys ─┬─ visible by T ─► build ─► merge with the old tiles, cut ─┬─► pack ─► updates
                         └─ known, not yet visible ─────► pending ──────────────────┘
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gapless.errors import CorruptData, InputError
from gapless.online.keyed import Keyed
from gapless.online.layout import Layout
from gapless.online.record import Record, oldest_kept_us, pack, unpack, waiting_bytes
from gapless.ports.updates import MAX_VALUE_BYTES
from gapless.windows.states import build, merge
from gapless.windows.tiles import Arrival
from gapless.windows.window import BEGINNING

__all__ = [
    "NOTHING",
    "Arrived",
    "arrived",
    "arrived_by_key",
    "changed",
    "combined",
    "damaged_record",
    "too_large",
]


@dataclass(frozen=True)
class Arrived:
    """Events by key, ready to be merged into records; lists have one entry per key.

    Parameters:
        keys — in the store's bytes.
        tiles — of the visible events; newest_us — the last instant at which one of them became visible.
        pending — by place of the key.
        events — how many there are in all.
    """

    keys: list[bytes]
    tiles: list[bytes]
    newest_us: list[int]
    pending: Mapping[int, list[Arrival]]
    events: int


def arrived(layout: Layout, batch: pa.RecordBatch, as_of_us: int) -> Arrived:
    """The events of a batch, which has the group's columns, `_known_at` and `_offset`; all were known by `as_of_us`.

    Events with a null in their key are nobody's and left out.
    """
    return arrived_by_key(layout, Keyed.of(layout, batch), as_of_us)


def arrived_by_key(layout: Layout, keyed: Keyed, as_of_us: int) -> Arrived:
    """The same of events under their keys; some of these may have none."""
    keys, events = keyed.keys, keyed.events
    visible = events.visible_from <= as_of_us
    now = events if visible.all() else events.take(np.flatnonzero(visible))
    newest = np.full(len(keys), BEGINNING)
    np.maximum.at(newest, now.key, now.visible_from)
    pending = {} if now is events else events.take(np.flatnonzero(~visible)).arrivals(layout)
    return Arrived(keys, build(layout.plan, now.sorted(), len(keys)), newest.tolist(), pending, len(events.key))


def changed(
    layout: Layout,
    new: Arrived,
    read: Callable[[Sequence[bytes]], Sequence[bytes | None]],
    *,
    as_of_us: int,
    base: int,
    position: int,
) -> dict[bytes, bytes]:
    """The records of the keys with the new events in, as of an instant.

    Parameters:
        read — the records that are there; those with a position up to `base` hold nothing.
        position — of the commit that these records are for.

    Raises: CorruptData for a record that is damaged, or of a commit that is not made yet; InputError for one that has
        become larger than a store takes.
    """
    found = zip(new.keys, read(new.keys), strict=True)
    return combined(layout, new, [_old(layout, key, data, as_of_us, (base, position)) for key, data in found], position)


def combined(layout: Layout, new: Arrived, old: Sequence[Record], position: int) -> dict[bytes, bytes]:
    """The records of the keys with the new events in.

    Parameters:
        old — by key, as of the instant that the new events are as of; NOTHING where there is none.

    Raises: as `changed`.
    """
    newest = [max(a, b.newest_us) for a, b in zip(new.newest_us, old, strict=True)]
    tiles = _merged(layout, new, old, newest)
    records = (
        Record(position, newest[i], _waiting(old[i], new.pending.get(i)), tiles[i]) for i in range(len(new.keys))
    )
    return {key: _packed(layout, key, record) for key, record in zip(new.keys, records, strict=True)}


def _packed(layout: Layout, key: bytes, record: Record) -> bytes:
    data = pack(record)
    if len(data) > MAX_VALUE_BYTES:
        raise too_large(layout, key, len(data))
    return data


def too_large(layout: Layout, key: bytes, size: int) -> InputError:
    """The error to raise for a record that has become larger than a store takes."""
    return InputError(
        f"one key of {', '.join(layout.views)} has more state than an online store takes",
        seen=f"{size:,} bytes for {key[len(layout.nobody) :][:80]!r}",
        allowed=f"{MAX_VALUE_BYTES:,} bytes",
        where=key.hex(),
        next_step="where the key is no real one, such as an empty or unknown id, put null in its place; "
        "else give windows a hop (hop='exact' keeps single events), or shorten those of n_unique and hop='exact'",
    )


NOTHING = Record(0, BEGINNING, b"", b"")
"""The record of a key without events."""


def _old(layout: Layout, key: bytes, data: bytes | None, as_of_us: int, counts: tuple[int, int]) -> Record:
    """What is there, where its position counts: above the first of the two, and at most the second."""
    if data is None:
        return NOTHING
    try:
        record = unpack(data)
        if record.position > counts[1]:  # a store that was put back, and not all of it to one instant
            raise CorruptData("its commit is later than that of the group", seen=record.position)
        return NOTHING if record.position <= counts[0] else record.at(layout.plan.tiles, as_of_us)
    except CorruptData as error:
        raise damaged_record(layout, key, error) from error


def damaged_record(layout: Layout, key: bytes, error: CorruptData) -> CorruptData:
    """The error to raise for a record that cannot be read."""
    return CorruptData(
        f"the online state of {', '.join(layout.views)} is damaged",
        seen=error.what,
        where=key.hex(),
        next_step=f"gapless materialize {layout.views[0]} --rebuild"
        if layout.partition is None
        else "gapless stream --rebuild fills it again from tables and the log",
    )


def _merged(layout: Layout, new: Arrived, old: Sequence[Record], newest: Sequence[int]) -> list[bytes]:
    """Tiles of both, each key's cut where its own newest event says; keys that are cut alike go together."""
    tiles = list(new.tiles)
    alike: dict[int, list[int]] = defaultdict(list)
    for i, instant in enumerate(newest):
        if instant != BEGINNING:
            alike[oldest_kept_us(instant)].append(i)
    for oldest, places in alike.items():
        try:
            made = merge(layout.plan, [(old[i].tiles, new.tiles[i]) for i in places], oldest_us=oldest)
        except CorruptData as error:
            raise damaged_record(layout, new.keys[places[int(error.seen)]], error) from error  # type: ignore[call-overload]
        for i, data in zip(places, made, strict=True):
            tiles[i] = data
    return tiles


def _waiting(old: Record, new: list[Arrival] | None) -> bytes:
    return waiting_bytes([*old.pending, *new]) if new else old.waiting
