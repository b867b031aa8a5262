"""What was looked up for the requests of one call, or what stands for it while the online store is away."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES
from gapless.errors import CorruptData, RemoteError, StorageError, Transient
from gapless.online import GroupState, Looked, OnlineReader
from gapless.product import FeatureSet, Trust
from gapless.schema import Type
from gapless.serving.answers import Row, Value
from gapless.serving.entries import GroupSeen

__all__ = ["AWAY", "Away", "Found", "Lookup", "Seen", "reasons_of"]

Bools = npt.NDArray[np.bool_]

AWAY = (RemoteError, StorageError, CorruptData)
"""What a store raises that cannot be read."""


class Seen(Protocol):
    """Features of views for some rows, and how good they are."""

    @property
    def store_down(self) -> bool:
        """Whether the store could not be read, and everything here is the author's defaults."""
        ...

    @property
    def as_of_us(self) -> Mapping[str, int | None]:
        """By view: everything known until then is in; None or absent: nothing was ever brought in."""
        ...

    def groups_of(self, i: int) -> Sequence[GroupSeen]:
        """What a log entry says of one row: every part of the state that was there."""
        ...

    @property
    def newest_us(self) -> Mapping[int, int]:
        """By row that was asked in the past, the first instant at which it would not be."""
        ...

    def row(self, i: int) -> Mapping[str, Value]:
        """Every column of one row."""
        ...

    def columns(self) -> Mapping[str, pa.Array]:
        """Every column of all rows."""
        ...

    def views_asked_in_past(self, i: int) -> Sequence[str]:
        """Those of a row whose state holds what was not visible yet at its instant."""
        ...

    def views_damaged(self, i: int) -> Sequence[str]:
        """Those of a row whose state could not be read."""
        ...

    def asked_in_past(self) -> Mapping[str, Bools]:
        """The same of all rows: by view, [n]; a view that is not named has none."""
        ...

    def damaged(self) -> Mapping[str, Bools]:
        """The same of all rows: by view, [n]; a view that is not named has none."""
        ...


class Lookup:
    """Reads the views of one version, by the rules that its author declared for a store that is away.

    Parameters:
        reader — of the version's groups.
        policy — `on_store_down` and `defaults`.
    """

    def __init__(self, features: FeatureSet, reader: OnlineReader, policy: Trust) -> None:
        self._reader, self._policy = reader, policy
        looked_up = {f.column: f.type for view in features.views for f in view.features}
        self._defaults = {column: _default(policy, column, kind) for column, kind in looked_up.items()}
        self._types = {column: ARROW_TYPES[kind] for column, kind in looked_up.items()}
        self._groups: tuple[tuple[GroupState, ...], dict[int, GroupSeen]] = (), {}

    def __call__(self, rows: Sequence[Row], at_us: Sequence[int]) -> Seen:
        """One round trip to the store; none where the version has no view.

        Raises: Transient where the store cannot be read and the policy is to refuse.
        """
        try:
            looked = self._reader.read(rows, at_us)
        except AWAY as error:
            return self._without(error, len(rows))
        return Found(looked, self._seen(looked.heads.groups))

    def _without(self, error: RemoteError | StorageError | CorruptData, rows: int) -> Seen:
        if self._policy.on_store_down == "refuse":
            raise Transient(
                "the online store cannot be read, and this model is not to answer without it",
                seen=error.what,
                next_step="ask again in a second",
            ) from error
        return Away(self._defaults, self._types, rows)

    def not_materialized(self) -> list[str]:
        """The views without complete state. Raises: what the store raises."""
        return self._reader.heads().incomplete

    def _seen(self, parts: tuple[GroupState, ...]) -> dict[int, GroupSeen]:
        """The same for a log entry, by place: made anew where a part has gone on only."""
        known, made = self._groups
        if known is not parts:
            made = {i: _part(one) for i, one in enumerate(parts) if one.partition is None or one.is_there}
            self._groups = parts, made
        return made


class Found:
    """What the store gave."""

    store_down = False

    def __init__(self, looked: Looked, parts: Mapping[int, GroupSeen]) -> None:
        self._looked, self._parts = looked, parts
        self._groups = tuple(parts.values())
        self.as_of_us = looked.as_of_us
        self.newest_us = looked.newest_us
        self.row = looked.row
        self.columns = looked.columns

    def groups_of(self, i: int) -> Sequence[GroupSeen]:
        """See `Seen`."""
        ahead = self._looked.ahead
        if not ahead:
            return self._groups
        return [
            msgspec.structs.replace(seen, offset=ahead[i, part]) if (i, part) in ahead else seen
            for part, seen in self._parts.items()
        ]

    def views_asked_in_past(self, i: int) -> Sequence[str]:
        """See `Seen`."""
        return self._views(self._looked.early, i)

    def views_damaged(self, i: int) -> Sequence[str]:
        """See `Seen`."""
        return self._views(self._looked.damaged, i)

    def asked_in_past(self) -> Mapping[str, Bools]:
        """See `Seen`."""
        return self._marks(self._looked.early, self._looked.asked_in_past)

    def damaged(self) -> Mapping[str, Bools]:
        """See `Seen`."""
        return self._marks(self._looked.damaged, self._looked.is_damaged)

    def _views(self, pairs: Sequence[tuple[int, int]], i: int) -> Sequence[str]:
        if not pairs:  # the usual case
            return ()
        groups = self._looked.heads.groups
        return list(dict.fromkeys(view for row, part in pairs if row == i for view in groups[part].views))

    def _marks(self, pairs: Sequence[tuple[int, int]], marked: Bools) -> Mapping[str, Bools]:
        if not pairs:
            return {}
        marks: dict[str, Bools] = {}
        for place, part in enumerate(self._looked.heads.groups):
            for view in part.views:
                marks[view] = marks[view] | marked[:, place] if view in marks else marked[:, place]
        return marks


class Away:
    """The author's defaults, null where there is none."""

    store_down = True
    as_of_us: Mapping[str, int | None] = {}
    newest_us: Mapping[int, int] = {}

    def __init__(self, defaults: Mapping[str, Value], types: Mapping[str, pa.DataType], rows: int) -> None:
        self._defaults, self._types, self._rows = defaults, types, rows

    def row(self, i: int) -> Mapping[str, Value]:
        """The same for every row."""
        return self._defaults

    def columns(self) -> Mapping[str, pa.Array]:
        """The same for every row."""
        return {name: pa.array([value] * self._rows, self._types[name]) for name, value in self._defaults.items()}

    def groups_of(self, i: int) -> Sequence[GroupSeen]:
        """None: nothing was looked up."""
        return ()

    def views_asked_in_past(self, i: int) -> Sequence[str]:
        """None: nothing was looked up."""
        return ()

    views_damaged = views_asked_in_past

    def asked_in_past(self) -> Mapping[str, Any]:
        """None: nothing was looked up."""
        return {}

    damaged = asked_in_past


def reasons_of(seen: Seen, rows: int, views: Container[str]) -> list[list[dict[str, str]]]:
    """By row, why what was looked up for these views is not what was known at its instant; codes as in trust."""
    found: list[list[dict[str, str]]] = [[{"code": "store_unreachable"}] * seen.store_down for _ in range(rows)]
    for code, marks in (("asked_in_past", seen.asked_in_past()), ("state_damaged", seen.damaged())):
        for view in marks:
            for i in np.flatnonzero(marks[view]).tolist() if view in views else ():
                found[i].append({"code": code, "view": view})
    return found


_PYTHON = {Type.FLOAT: float, Type.BOOL: bool, Type.STRING: str, Type.TIMESTAMP: int}


def _default(policy: Trust, column: str, kind: Type) -> Value:
    """The author's; null where an older version has another feature of that name, which the rules know nothing of."""
    value: Value = policy.defaults.get(column)
    return value if type(value) is _PYTHON[kind.in_expressions] else None


def _part(state: GroupState) -> GroupSeen:
    partition = -1 if state.partition is None else state.partition
    return GroupSeen(bytes.fromhex(state.namespace), state.position, state.offset, state.as_of_us, partition)
