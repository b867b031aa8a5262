"""Events of a batch under the codes of their keys, as columns: what states are built from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import OFFSET, to_numpy
from gapless.features import Group, KeyIndex
from gapless.features.blocks import Encoder
from gapless.online.layout import Layout
from gapless.windows import time_order
from gapless.windows.states import StateEvents, StateInput
from gapless.windows.tiles import Arrival

__all__ = ["Keyed", "KeyedEvents"]

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Keyed:
    """A batch by key: `keys` in the store's bytes, each at the place of its code."""

    keys: list[bytes]
    events: KeyedEvents

    @classmethod
    def of(cls, layout: Layout, batch: pa.RecordBatch, *, order_base: int = 0) -> Keyed:
        """Of a batch with the group's columns, `_known_at` and `_offset`; events with a null in their key are nobody's
        and left out.

        Parameters:
            order_base — what is added to `_offset` to make it the order among all events.
        """
        batch = _with_key(layout, batch)
        columns = [batch.column(column) for _, column in layout.group.keys]
        index = KeyIndex(columns)
        _, first = np.unique(index.codes, return_index=True)
        keys = layout.keys_of([column.take(pa.array(first)) for column in columns])
        return cls(keys, KeyedEvents.of(layout, index, batch, order_base))

    def of_keys(self, places: Ints) -> Keyed:
        """The part of some keys, which stand in ascending order."""
        code = np.full(len(self.keys), -1, np.int64)
        code[places] = np.arange(len(places))
        events = self.events.take(np.flatnonzero(code[self.events.key] >= 0))
        return Keyed([self.keys[i] for i in places.tolist()], replace(events, key=code[events.key]))


def _with_key(layout: Layout, batch: pa.RecordBatch) -> pa.RecordBatch:
    whole = None
    for _, column in layout.group.keys:
        array = batch.column(column)
        if array.null_count:
            whole = array.is_valid() if whole is None else pc.and_(whole, array.is_valid())
    return batch if whole is None else batch.filter(whole)


@dataclass(frozen=True)
class KeyedEvents:
    """Events as columns, `key` a code per event; `offset` is the last number of an event's order."""

    key: Ints
    time: Ints
    known: Ints
    offset: Ints
    inputs: tuple[StateInput, ...]

    @classmethod
    def of(cls, layout: Layout, index: KeyIndex, batch: pa.RecordBatch, order_base: int) -> KeyedEvents:
        """Of a batch whose keys have these codes."""
        group = layout.group
        encoder = Encoder(Group(group.source, group.keys, layout.inputs, ()), index)
        block = encoder.encode(batch)
        known = block.time + group.source.delay_us if block.known is None else block.known
        inputs = tuple(
            StateInput(values, np.ones(len(block), np.bool_) if valid is None else valid, _texts(encoder, i))
            for i, (values, valid) in enumerate(zip(block.values, block.valid, strict=True))
        )
        return cls(
            block.key.astype(np.int64), block.time, known, to_numpy(batch.column(OFFSET))[0] + order_base, inputs
        )

    @property
    def visible_from(self) -> Ints:
        """The first instant that may use each event."""
        return np.maximum(self.time + 1, self.known)

    def take(self, rows: Array) -> KeyedEvents:
        """Some of them, by place or by a mask."""
        inputs = tuple(StateInput(each.values[rows], each.valid[rows], each.texts) for each in self.inputs)
        return KeyedEvents(self.key[rows], self.time[rows], self.known[rows], self.offset[rows], inputs)

    def sorted(self) -> StateEvents:
        """In the order that states are built in."""
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
