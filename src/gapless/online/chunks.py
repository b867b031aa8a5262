"""The records that some events change: built for all their keys at once, merged with what is there.

events ─► codes of keys ─┬─ visible by T ─► build ─► merge with the old tiles, cut ─┬─► pack ─► updates
                         └─ known, not yet visible ─────► pending ──────────────────┘
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import OFFSET, to_numpy
from gapless.errors import CorruptData, InputError
from gapless.features import Group, KeyIndex
from gapless.features.blocks import Encoder
from gapless.online.layout import Layout
from gapless.online.record import Record, oldest_kept_us, pack, unpack, waiting_bytes
from gapless.ports.updates import MAX_VALUE_BYTES
from gapless.windows import time_order
from gapless.windows.states import StateEvents, StateInput, build, merge
from gapless.windows.tiles import Arrival
from gapless.windows.window import BEGINNING

__all__ = ["Arrived", "arrived", "changed"]

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


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
    batch = _with_key(layout, batch)
    columns = [batch.column(column) for _, column in layout.group.keys]
    index = KeyIndex(columns)
    _, first = np.unique(index.codes, return_index=True)
    keys = layout.keys_of([column.take(pa.array(first)) for column in columns])
    events = _Events.of(layout, index, batch)
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
    old = [_old(layout, key, data, as_of_us, (base, position)) for key, data in found]
    newest = [max(a, b.newest_us) for a, b in zip(new.newest_us, old, strict=True)]
    tiles = _merged(layout, new, old, newest)
    records = (
        Record(position, newest[i], _waiting(old[i], new.pending.get(i)), tiles[i]) for i in range(len(new.keys))
    )
    return {key: _packed(layout, key, record) for key, record in zip(new.keys, records, strict=True)}


def _packed(layout: Layout, key: bytes, record: Record) -> bytes:
    data = pack(record)
    if len(data) > MAX_VALUE_BYTES:
        raise InputError(
            f"one key of {', '.join(layout.views)} has more state than an online store takes",
            seen=f"{len(data):,} bytes for {key[len(layout.nobody) :][:80]!r}",
            allowed=f"{MAX_VALUE_BYTES:,} bytes",
            where=key.hex(),
            next_step="where the key is no real one, such as an empty or unknown id, put null in its place; "
            "else give windows a hop (hop='exact' keeps single events), or shorten those of n_unique and hop='exact'",
        )
    return data


_NOTHING = Record(0, BEGINNING, b"", b"")


def _old(layout: Layout, key: bytes, data: bytes | None, as_of_us: int, counts: tuple[int, int]) -> Record:
    """What is there, where its position counts: above the first of the two, and at most the second."""
    if data is None:
        return _NOTHING
    try:
        record = unpack(data)
        if record.position > counts[1]:  # a store that was put back, and not all of it to one instant
            raise CorruptData("its commit is later than that of the group", seen=record.position)
        return _NOTHING if record.position <= counts[0] else record.at(layout.plan.tiles, as_of_us)
    except CorruptData as error:
        raise _damaged(layout, key, error) from error


def _damaged(layout: Layout, key: bytes, error: CorruptData) -> CorruptData:
    return CorruptData(
        f"the online state of {', '.join(layout.views)} is damaged",
        seen=error.what,
        where=key.hex(),
        next_step=f"gapless materialize {layout.views[0]} --rebuild",
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
            raise _damaged(layout, new.keys[places[int(error.seen)]], error) from error  # type: ignore[call-overload]
        for i, data in zip(places, made, strict=True):
            tiles[i] = data
    return tiles


def _waiting(old: Record, new: list[Arrival] | None) -> bytes:
    return waiting_bytes([*old.pending, *new]) if new else old.waiting


def _with_key(layout: Layout, batch: pa.RecordBatch) -> pa.RecordBatch:
    whole = None
    for _, column in layout.group.keys:
        array = batch.column(column)
        if array.null_count:
            whole = array.is_valid() if whole is None else pc.and_(whole, array.is_valid())
    return batch if whole is None else batch.filter(whole)


@dataclass(frozen=True)
class _Events:
    """Events in the order of their places, as columns."""

    key: Ints
    time: Ints
    known: Ints
    offset: Ints
    inputs: tuple[StateInput, ...]

    @classmethod
    def of(cls, layout: Layout, index: KeyIndex, batch: pa.RecordBatch) -> _Events:
        group = layout.group
        encoder = Encoder(Group(group.source, group.keys, layout.inputs, ()), index)
        block = encoder.encode(batch)
        known = block.time + group.source.delay_us if block.known is None else block.known
        inputs = tuple(
            StateInput(values, np.ones(len(block), np.bool_) if valid is None else valid, _texts(encoder, i))
            for i, (values, valid) in enumerate(zip(block.values, block.valid, strict=True))
        )
        return cls(block.key.astype(np.int64), block.time, known, to_numpy(batch.column(OFFSET))[0], inputs)

    @property
    def visible_from(self) -> Ints:
        return np.maximum(self.time + 1, self.known)

    def take(self, rows: Ints) -> _Events:
        inputs = tuple(StateInput(each.values[rows], each.valid[rows], each.texts) for each in self.inputs)
        return _Events(self.key[rows], self.time[rows], self.known[rows], self.offset[rows], inputs)

    def sorted(self) -> StateEvents:
        by_key = self.take(time_order(self.key, self.time, self.known))
        return StateEvents(by_key.key, by_key.time, by_key.known, by_key.offset, by_key.inputs)

    def arrivals(self, layout: Layout) -> dict[int, list[Arrival]]:
        """By key, for the few that wait."""
        found: dict[int, list[Arrival]] = defaultdict(list)
        for i, key in enumerate(self.key.tolist()):
            order = int(self.time[i]), int(self.known[i]), int(self.offset[i])
            values = (_value(kind, each, i) for kind, each in zip(layout.plan.kinds, self.inputs, strict=True))
            found[key].append(Arrival(order, tuple(values)))
        return found


def _texts(encoder: Encoder, i: int) -> list[str] | None:
    return encoder.texts[i].values if i in encoder.texts else None


def _value(kind: str, each: StateInput, i: int) -> Any:
    if not each.valid[i]:
        return None
    value = each.values[i].item()
    return each.texts[value] if kind == "text" else bool(value) if kind == "bool" else value
