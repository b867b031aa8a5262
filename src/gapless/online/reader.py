"""Features as of a request, from the records of its keys: one round trip, whatever the number of views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gapless.errors import NotFound, Transient
from gapless.features import Group, plan_groups
from gapless.online.folds import Folds
from gapless.online.joining import join
from gapless.online.layout import Layout, Value
from gapless.online.looked import Heads, Looked, Shape
from gapless.online.picking import Picked
from gapless.online.slots import Known, Slots
from gapless.ports.online import OnlineStore
from gapless.product import FeatureSet, FeatureView
from gapless.schema import Type
from gapless.windows.states import StateMerger, StateRead, StateReader
from gapless.windows.states.reader import intact

__all__ = ["OnlineReader", "groups_of_views"]

Row = Mapping[str, Value]
Ints = npt.NDArray[np.int64]


_NO_HEADS = Heads((), {})
_NOTHING_KNOWN = Known(_NO_HEADS, [], [])
_LOOKS = 4  # a second one for a topology, one for a rebuild; two in a row of either do not happen


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
        plans = [layout.plan for layout in self.layouts]
        self._states = StateReader(plans) if plans else None
        self._merger = StateMerger(plans) if plans else None
        self._shape = _shape(self.layouts, types)
        self._folds = Folds([plan.tiles for plan in plans])
        self._slots = Slots(None, self.layouts)
        self._seen: tuple[list[bytes | None], Known] = [], _NOTHING_KNOWN

    @classmethod
    def of(cls, features: FeatureSet, store: OnlineStore) -> OnlineReader:
        """The reader of everything that a model's windows need."""
        return cls(plan_groups(features.views), features.outputs, store)

    def heads(self) -> Heads:
        """What the state of each group knows now. Raises: what the store raises."""
        for _ in range(_LOOKS if self.layouts else 0):
            slots = self._slots
            found = self._store.read(slots.head_keys)
            if self._has_topology(slots, found[0]):
                return self._known(slots, found[1:]).heads
        return _NO_HEADS

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
        picked: Picked | None = None
        for _ in range(_LOOKS):
            slots = self._slots
            heads = slots.head_keys
            keys = heads + [key for row in rows for key in slots.keys_of(row)]
            found = self._store.read(keys) if len(rows) == 1 else _read_once(self._store, keys)
            if not self._has_topology(slots, found[0]):
                continue
            known = self._known(slots, found[1 : len(heads)])
            picked = Picked(known.bases, known.ends, slots.group_of, self._folds)
            states = picked.states(at.tolist(), iter(found[len(heads) :]))
            if not picked.overtaken:
                break
        if picked is None:
            raise Transient("the parts of the online state change all the time", next_step="ask again in a second")
        return self._looked(at, slots, known, picked, states)

    def _looked(self, at: Ints, slots: Slots, known: Known, picked: Picked, states: list[bytes | None]) -> Looked:
        assert self._states is not None, "there are groups"
        hurt = set(picked.damaged)
        if slots.split:
            states, origin = self._joined(slots, states, hurt)
        else:
            origin = range(len(states))
        places: list[int] = []
        read = self._states.read(states, at, damaged=places)
        hurt.update(origin[place] for place in places)
        damaged = [divmod(place, len(slots.layouts)) for place in sorted(hurt)]
        for row, part in damaged:
            read = _without(read, row, *self._shape.spans[slots.group_of[part]])
        return Looked(at, known.heads, damaged, picked.early, self._shape, read, picked.ahead, picked.newest_us)

    def _joined(
        self, slots: Slots, states: list[bytes | None], hurt: set[int]
    ) -> tuple[list[bytes | None], Sequence[int]]:
        """(one state per row and group, where its first part stands); `hurt` takes the places of damaged parts."""
        for place, state in enumerate(states):
            if state and not intact(state):
                hurt.add(place)
                states[place] = None
        assert self._merger is not None, "there are groups"
        return join(states, slots.group_of, self._merger, hurt)

    def _has_topology(self, slots: Slots, topology: bytes | None) -> bool:
        """Whether the parts are those that the store has; where not, they are from now on."""
        if topology == slots.topology:
            return True
        self._slots = Slots(topology, self.layouts)
        return False

    def _known(self, slots: Slots, found: list[bytes | None]) -> Known:
        seen, known = self._seen  # one look at one tuple: another thread may be about to replace it
        if found != seen:
            known = slots.known(found)
            self._seen = found, known
        return known


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


def _without(read: StateRead, row: int, start: int, end: int) -> StateRead:
    """The same with null in columns [start, end) of a row."""
    read.valid[row, start:end] = False
    return read


def _nothing(rows: int) -> StateRead:
    return StateRead(np.zeros((rows, 0)), np.zeros((rows, 0), np.bool_), {})
