"""What one look into the store found: features by row or by column, and how much the state behind them knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES
from gapless.online.layout import Value
from gapless.schema import Type
from gapless.windows.states import StateRead

__all__ = ["GroupState", "Heads", "Looked", "Shape"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GroupState:
    """What one part of the state of a group knows: the events below `offset` that were known by `as_of_us`.

    Parameters:
        position — of the newest commit to the part; with the namespace it names the state exactly.
        as_of_us — None: not materialized, every key reads as one without events.
        damaged — the record that would say cannot be read.
        partition — of the source's topic, whose events below the place `offset` are in; None: those of files.
    """

    namespace: str
    views: tuple[str, ...]
    position: int = 0
    offset: int = 0
    as_of_us: int | None = None
    damaged: bool = False
    partition: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether anybody ever wrote it: a partition that nobody streams from has no part."""
        return self.damaged or self.position > 0


@dataclass(frozen=True)
class Heads:
    """All parts of the groups of a reader at the instant of a look. Views by name; see `GroupState.as_of_us`."""

    groups: tuple[GroupState, ...]
    as_of_us: Mapping[str, int | None]

    @property
    def incomplete(self) -> list[str]:
        """The views whose state is not there yet, or cannot be read: answers would not be those of training."""
        return [view for view, as_of_us in self.as_of_us.items() if as_of_us is None]


@dataclass(frozen=True)
class Shape:
    """Which column of a read becomes which feature.

    Parameters:
        names, places, types — of each feature, in the order of the columns.
        spans — per group the columns [start, end) of a read.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    types: tuple[Type, ...]
    spans: tuple[tuple[int, int], ...]

    @cached_property
    def whole(self) -> bool:
        """Whether every column is one feature, so that places need not be looked at."""
        return self.places == tuple(range(self.spans[-1][1] if self.spans else 0))

    @cached_property
    def special(self) -> tuple[tuple[str, int, Type], ...]:
        """The features that are no floats."""
        every = zip(self.names, self.places, self.types, strict=True)
        return tuple(each for each in every if each[2] is not Type.FLOAT)


@dataclass(frozen=True)
class Looked:
    """Features of some rows, each as of its own instant.

    Parameters:
        at_us — the instants.
        heads — what the state of each group knows.
        damaged — (row, part) of records that are not what was written: features of their groups are null.
        early — (row, part) of records that hold an event that was not visible yet at the row's instant: their
            features are not those of that instant.
        ahead — (row, part) → place, of records of a partition that hold events from the place on that the offset record
            gives; they hold those below this one.
        newest_us — by row that is in `early`, the first instant at which it would not be.
    """

    at_us: Array
    heads: Heads
    damaged: Sequence[tuple[int, int]]
    early: Sequence[tuple[int, int]]
    _shape: Shape
    _read: StateRead
    ahead: Mapping[tuple[int, int], int] = field(default_factory=dict)
    newest_us: Mapping[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at_us)

    @property
    def as_of_us(self) -> Mapping[str, int | None]:
        """By view: everything known until then is in; None where the view is not materialized."""
        return self.heads.as_of_us

    @property
    def asked_in_past(self) -> npt.NDArray[np.bool_]:
        """[row, part]: whether `early` holds the pair."""
        return self._marked(self.early)

    @property
    def is_damaged(self) -> npt.NDArray[np.bool_]:
        """[row, part]: whether `damaged` holds the pair."""
        return self._marked(self.damaged)

    def _marked(self, pairs: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
        marks = np.zeros((len(self), len(self.heads.groups)), np.bool_)
        for pair in pairs:
            marks[pair] = True
        return marks

    def row(self, i: int) -> dict[str, Value]:
        """Every feature of one row by column: a float, bool, str or int (an instant in µs); None is null."""
        shape, valid = self._shape, self._read.valid[i]
        values: list[Value] = self._read.numbers[i].tolist()
        for place in (~valid).nonzero()[0].tolist():
            values[place] = None
        found = dict(zip(shape.names, values if shape.whole else [values[p] for p in shape.places], strict=True))
        for name, place, kind in shape.special:
            if valid[place]:
                found[name] = self._value(i, place, kind)
        return found

    def _value(self, i: int, place: int, kind: Type) -> Value:
        if kind is Type.STRING:
            return self._read.texts[place][i]
        return bool(self._read.numbers[i, place]) if kind is Type.BOOL else int(self._read.ints[i, place])

    def columns(self) -> dict[str, pa.Array]:
        """Every feature as an Arrow column, in the types of `gapless.arrow.ARROW_TYPES`."""
        features = zip(self._shape.names, self._shape.places, self._shape.types, strict=True)
        return {name: self._column(place, kind) for name, place, kind in features}

    def _column(self, place: int, kind: Type) -> pa.Array:
        null = ~self._read.valid[:, place]
        if kind is Type.STRING:
            texts = self._read.texts[place]
            return pa.array([None if gone else text for text, gone in zip(texts, null, strict=True)], pa.string())
        if kind is Type.BOOL:
            return pa.array(self._read.numbers[:, place].astype(np.bool_), mask=null)
        source = self._read.numbers if kind is Type.FLOAT else self._read.ints
        plain = pa.array(np.ascontiguousarray(source[:, place]), mask=null)
        return plain if kind is Type.FLOAT else plain.view(ARROW_TYPES[kind])
