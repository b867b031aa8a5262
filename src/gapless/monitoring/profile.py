"""Profiles: what each column of some rows looked like, slice of time by slice of time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.clock import format_instant
from gapless.errors import InputError
from gapless.monitoring.categories import CategoryCounts
from gapless.monitoring.instants import InstantCounts
from gapless.monitoring.numbers import NumberCounts
from gapless.schema import Type

__all__ = ["Counts", "Profile", "Profiles"]

Counts = NumberCounts | CategoryCounts | InstantCounts

_MOST = 200_000

_KINDS: Mapping[Type, type[Counts]] = {
    Type.FLOAT: NumberCounts,
    Type.INT: NumberCounts,
    Type.BOOL: CategoryCounts,
    Type.STRING: CategoryCounts,
    Type.TIMESTAMP: InstantCounts,
}


@dataclass(frozen=True)
class Profile:
    """One column over one slice of time.

    Parameters:
        slice_us — where the slice begins, in µs UTC; None: all of time is one slice.
    """

    column: str
    slice_us: int | None
    counts: Counts

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the counts, and what people read of them."""
        return {
            "column": self.column,
            "slice": None if self.slice_us is None else format_instant(self.slice_us),
            "kind": self.counts.kind,
            **self.counts.to_dict(),
            "summary": self.counts.summary(),
        }


class Profiles:
    """Profiles of columns, added to batch by batch and merged.

    Parameters:
        columns — type by name.
        most — profiles that may be held at once.
        every_us — how long a slice is, from a whole multiple of it on the clock of UTC; None: all of time is one.

    Guarantees: the same rows give the same profiles, whatever the batches, their order and what was merged where.

    Examples:
        >>> seen = Profiles({"delay": Type.FLOAT}, every_us=100)
        >>> seen.add(pa.record_batch({"delay": [1.0, None, 5.0]}), np.array([10, 20, 150]))
        >>> [(one.slice_us, one.counts.rows, one.counts.mean) for one in seen]
        [(0, 2, 1.0), (100, 1, 5.0)]
    """

    def __init__(self, columns: Mapping[str, Type], *, every_us: int | None = None, most: int = _MOST) -> None:
        self.columns, self.every_us, self._most = dict(columns), every_us, most
        self._counts: dict[tuple[int | None, str], Counts] = {}

    def __iter__(self) -> Iterator[Profile]:
        """By column in the order given, and of each by time."""
        place = {name: i for i, name in enumerate(self.columns)}
        for key in sorted(self._counts, key=lambda key: (place[key[1]], key[0] or 0)):
            yield Profile(key[1], key[0], self._counts[key])

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, batch: pa.RecordBatch, at_us: npt.NDArray[np.int64]) -> None:
        """Some rows.

        Parameters:
            batch — has the columns.
            at_us — [n] int64, the instant of each row, which says its slice.
        """
        for slice_us, rows in self._sliced(batch, at_us):
            for name, kind in self.columns.items():
                self._put((slice_us, name), _KINDS[kind].of(rows.column(name)))

    def merge(self, other: Profiles) -> None:
        """Adds what others have counted of these columns."""
        for key, counts in other._counts.items():
            self._put(key, counts)

    def only(self, columns: Mapping[str, Type]) -> Profiles:
        """Of some of the columns."""
        part = Profiles(columns, every_us=self.every_us)
        part._counts = {key: counts for key, counts in self._counts.items() if key[1] in columns}
        return part

    def _put(self, key: tuple[int | None, str], counts: Counts) -> None:
        there = self._counts.get(key)
        if there is None and len(self._counts) >= self._most:
            raise InputError(
                "there are too many slices of too many columns",
                seen=f"over {self._most:,} profiles",
                allowed=f"at most {self._most:,}",
                next_step="take longer slices, fewer columns or a shorter time",
            )
        self._counts[key] = counts if there is None else there.merge(counts)  # type: ignore[arg-type]

    def _sliced(
        self, batch: pa.RecordBatch, at_us: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int | None, pa.RecordBatch]]:
        if self.every_us is None:
            yield None, batch
            return
        slices = at_us // self.every_us
        for each in np.unique(slices).tolist():
            yield each * self.every_us, batch.filter(pa.array(slices == each))

    def to_bytes(self) -> bytes:
        """For `from_bytes`, there or elsewhere."""
        counts = [[key[0], key[1], one.to_dict()] for key, one in self._counts.items()]
        return json.dumps(
            {"columns": {name: kind.value for name, kind in self.columns.items()}, "every": self.every_us, "of": counts}
        ).encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """What `to_bytes` gave."""
        document = json.loads(value)
        profiles = cls({name: Type(kind) for name, kind in document["columns"].items()}, every_us=document["every"])
        for slice_us, name, counts in document["of"]:
            profiles._put((slice_us, name), _KINDS[profiles.columns[name]].from_dict(counts))
        return profiles
