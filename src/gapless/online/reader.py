"""Features as of a request, from the records of its keys: one round trip, whatever the number of views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gapless.errors import CorruptData, NotFound
from gapless.features import Group, plan_groups
from gapless.online.folds import Folds
from gapless.online.layout import Layout, Value
from gapless.online.looked import GroupState, Heads, Looked, Shape
from gapless.online.offsets import Offset, from_bytes
from gapless.online.picking import Picked
from gapless.ports.online import OnlineStore
from gapless.product import FeatureSet, FeatureView
from gapless.schema import Type
from gapless.windows.states import StateRead, StateReader

__all__ = ["OnlineReader", "groups_of_views"]

Row = Mapping[str, Value]


_NO_HEADS = Heads((), {})
_LOOKS = 3  # a second one suffices, where no two rebuilds follow each other at once


class OnlineReader:
    """Reads windowed features of requests out of an online store.

    Parameters:
        groups — of `features.plan_groups(feature_set.views)`.
        types — of the features that are wanted (`feature_set.outputs`); groups may hold more.
        store — where they were materialized.

    Guarantees: safe to call from several threads; every value has the bits that `features.compute` gives for the events
        the store holds, at every instant that is not marked `early`.

    Cost: a lookup per key, and one call into compiled code for all of them.
    """

    def __init__(self, groups: Sequence[Group], types: Mapping[str, Type], store: OnlineStore) -> None:
        self.layouts = tuple(Layout.of(group) for group in groups)
        self._store = store
        self._states = StateReader([layout.plan for layout in self.layouts]) if self.layouts else None
        self._shape = _shape(self.layouts, types)
        self._key_of = tuple(layout.key_of for layout in self.layouts)
        self._offset_keys = [layout.offset_key for layout in self.layouts]
        self._folds = Folds([layout.plan.tiles for layout in self.layouts])
        self._seen: tuple[list[bytes | None], Heads, list[int]] = [], _NO_HEADS, []

    @classmethod
    def of(cls, features: FeatureSet, store: OnlineStore) -> OnlineReader:
        """The reader of everything that a model's windows need."""
        return cls(plan_groups(features.views), features.outputs, store)

    def heads(self) -> Heads:
        """What the state of each group knows now. Raises: what the store raises."""
        return self._heads(self._store.read(self._offset_keys))[0] if self.layouts else _NO_HEADS

    def read(self, rows: Sequence[Row], at_us: Sequence[int] | npt.NDArray[np.int64]) -> Looked:
        """Every feature of every row as of the row's instant.

        Parameters:
            rows — request column → value, the key columns at least: float, bool, str or int (a TIMESTAMP in µs). A null
                part of a key is nobody's key, and a key never seen reads like an empty window.
            at_us — an instant per row.

        Raises: what the store raises (Transient, Refused, StorageError); KeyError for a row without a key column. A
            damaged record raises nothing: see `Looked.damaged`.
        """
        at = np.asarray(at_us, np.int64)
        if self._states is None:
            return Looked(at, _NO_HEADS, (), (), self._shape, _nothing(len(at)))
        count = len(self.layouts)
        keys = self._offset_keys + [key_of(row) for row in rows for key_of in self._key_of]
        for _ in range(_LOOKS):
            found = self._store.read(keys) if len(rows) == 1 else _read_once(self._store, keys)
            heads, bases = self._heads(found[:count])
            picked = Picked(bases, self._folds)
            states = picked.states(at.tolist(), iter(found[count:]))
            if not picked.overtaken:
                break
        hurt: list[int] = []
        read = self._states.read(states, at, damaged=hurt)
        damaged = [divmod(place, count) for place in sorted({*hurt, *picked.damaged})]
        for row, group in damaged:
            read = _without(read, row, *self._shape.spans[group])
        return Looked(at, heads, damaged, picked.early, self._shape, read)

    def _heads(self, found: list[bytes | None]) -> tuple[Heads, list[int]]:
        """(what the groups know, per group the position above which its records count)."""
        seen, heads, bases = self._seen  # one look at one tuple: another thread may be about to replace it
        if found != seen:
            groups = tuple(_group_state(each, data) for each, data in zip(self.layouts, found, strict=True))
            heads = Heads(groups, {view: state.as_of_us for state in groups for view in state.views})
            bases = [_base(data) for data in found]
            self._seen = found, heads, bases
        return heads, bases


def groups_of_views(names: Sequence[str], among: Sequence[FeatureSet]) -> tuple[tuple[Group, ...], dict[str, Type]]:
    """(groups to read, types of the features) of views by name, for `OnlineReader`: each view from the first of the
    feature sets that has it, so that state is used which is there for a model.

    Raises: NotFound for a view that none has.
    """
    groups: dict[object, Group] = {}
    types: dict[str, Type] = {}
    for name in names:
        features, view = _found(name, among)
        types |= {feature.column: feature.type for feature in view.features}
        for group in plan_groups(features.views):
            if view.features[0].column in group.output_columns:
                groups.setdefault((Layout.of(group).namespace, group.keys, group.output_columns), group)
    return tuple(groups.values()), types


def _found(name: str, among: Sequence[FeatureSet]) -> tuple[FeatureSet, FeatureView]:
    for features in among:
        for view in features.views:
            if view.name == name:
                return features, view
    known = sorted({view.name for features in among for view in features.views})
    raise NotFound("no such feature view", seen=name, allowed=", ".join(known) or "(none)")


def _read_once(store: OnlineStore, keys: list[bytes]) -> list[bytes | None]:
    """Rows share entities: each key is asked for once."""
    distinct = list(dict.fromkeys(keys))
    found = dict(zip(distinct, store.read(distinct), strict=True))
    return [found[key] for key in keys]


def _shape(layouts: Sequence[Layout], types: Mapping[str, Type]) -> Shape:
    found: list[tuple[int, str]] = []
    spans: list[tuple[int, int]] = []
    start = 0
    for layout in layouts:
        found += [(start + place, name) for name, place in layout.places.items() if name in types]
        spans.append((start, start + layout.plan.width))
        start += layout.plan.width
    places, names = zip(*sorted(found), strict=True) if found else ((), ())
    return Shape(names, places, tuple(types[name] for name in names), tuple(spans))


def _group_state(layout: Layout, data: bytes | None) -> GroupState:
    state = GroupState(layout.namespace.hex(), layout.views)
    if data is None:
        return state
    try:
        known = from_bytes(data)
    except CorruptData:
        return replace(state, damaged=True)
    return replace(state, position=known.position, offset=known.offset, as_of_us=known.as_of_us)


_NOTHING_COUNTS = 2**63  # above every position


def _base(data: bytes | None) -> int:
    try:
        known: Offset | None = None if data is None else from_bytes(data)
    except CorruptData:
        known = None
    return _NOTHING_COUNTS if known is None or known.as_of_us is None else known.base


def _without(read: StateRead, row: int, start: int, end: int) -> StateRead:
    """The same with null in columns [start, end) of a row."""
    read.valid[row, start:end] = False
    return read


def _nothing(rows: int) -> StateRead:
    return StateRead(np.zeros((rows, 0)), np.zeros((rows, 0), np.bool_), {})
