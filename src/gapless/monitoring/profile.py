"""Profiles: what each column of some rows looked like, slice of time by slice of time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.errors import InputError
from gapless.monitoring.categories import CategoryCounts
from gapless.monitoring.instants import InstantCounts, shown
from gapless.monitoring.numbers import NumberCounts
from gapless.schema import Type

__all__ = ["Counts", "Profile", "Profiles"]

Counts = NumberCounts | CategoryCounts | InstantCounts

_MOST = 10_000_000
_MOST_PROFILES = 200_000
_PIECE_BYTES = 8 << 20

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
            "slice_us": self.slice_us,
            "slice": None if self.slice_us is None else shown(self.slice_us),
            "kind": self.counts.kind,
            "counts": self.counts.to_dict(),
            "summary": self.counts.summary(),
        }


class Profiles:
    """Profiles of columns, added to batch by batch and merged.

    Parameters:
        columns — type by name.
        every_us — how long a slice is, from a whole multiple of it on the clock of UTC; None: all of time is one.
        most — bins and values that may be held at once, about 100 bytes each.

    Raises: InputError for slices that are not longer than 0.

    Guarantees: the same rows give the same profiles, whatever the batches, their order and what was merged where.

    Examples:
        >>> seen = Profiles({"delay": Type.FLOAT}, every_us=100)
        >>> seen.add(pa.record_batch({"delay": [1.0, None, 5.0]}), np.array([10, 20, 150]))
        >>> [(one.slice_us, one.counts.rows, one.counts.mean) for one in seen]
        [(0, 2, 1.0), (100, 1, 5.0)]
    """

    def __init__(self, columns: Mapping[str, Type], *, every_us: int | None = None, most: int = _MOST) -> None:
        if every_us is not None and every_us <= 0:
            raise InputError(
                "slices have no length", seen=every_us, allowed="above 0", next_step="say how long they are"
            )
        self.columns, self.every_us, self._most = dict(columns), every_us, most
        self._counts: dict[tuple[int | None, str], Counts] = {}
        self._held = 0

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

        Raises: InputError for more slices of more columns than may be held.
        """
        for slice_us, rows in self._sliced(batch, at_us) if batch.num_rows else ():
            for name, kind in self.columns.items():
                self._put((slice_us, name), _KINDS[kind].of(rows.column(name)))

    def merge(self, other: Profiles) -> None:
        """Adds what others have counted of all or some of these columns.

        Raises: InputError for slices of another length, or a column that is not among these.
        """
        same = all(self.columns.get(name) is kind for name, kind in other.columns.items())
        if not same or other.every_us != self.every_us:
            raise InputError(
                "profiles of other columns or slices cannot be added",
                seen=_described(other),
                allowed=_described(self),
                next_step="profile both in the same way",
            )
        for key, counts in other._counts.items():
            self._put(key, counts)

    def only(self, columns: Mapping[str, Type]) -> Profiles:
        """Of some of the columns."""
        part = Profiles(columns, every_us=self.every_us, most=self._most)
        for key, one in self._counts.items():
            if key[1] in columns:
                part._put(key, one)
        return part

    def _put(self, key: tuple[int | None, str], counts: Counts) -> None:
        there = self._counts.get(key)
        merged = counts if there is None else there.merge(counts)  # type: ignore[arg-type]
        self._held += merged.size - (0 if there is None else there.size)
        if self._held > self._most or (there is None and len(self._counts) >= _MOST_PROFILES):
            raise InputError(
                "there are too many slices of too many columns",
                seen=f"{self._held:,} bins and values in {len(self._counts) + (there is None):,} profiles",
                allowed=f"at most {self._most:,} in {_MOST_PROFILES:,}",
                next_step="take longer slices, fewer columns or a shorter time",
            )
        self._counts[key] = merged

    def _sliced(
        self, batch: pa.RecordBatch, at_us: npt.NDArray[np.int64]
    ) -> Iterator[tuple[int | None, pa.RecordBatch]]:
        if self.every_us is None:
            yield None, batch
            return
        slices = at_us // self.every_us
        if (slices[1:] < slices[:-1]).any():
            order = np.argsort(slices, kind="stable")
            slices, batch = slices[order], batch.take(pa.array(order))
        starts = np.flatnonzero(np.r_[True, slices[1:] != slices[:-1]]).tolist()
        for start, end in zip(starts, [*starts[1:], len(slices)], strict=True):
            yield int(slices[start]) * self.every_us, batch.slice(start, end - start)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, from which `from_dict` makes the same."""
        return {**self._head(), "profiles": [one.to_dict() for one in self]}

    def _head(self) -> dict[str, Any]:
        return {"columns": {name: kind.value for name, kind in self.columns.items()}, "every_us": self.every_us}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, most: int = _MOST) -> Self:
        """What `to_dict` gave, whatever else is in the document."""
        columns = {name: Type(kind) for name, kind in document["columns"].items()}
        profiles = cls(columns, every_us=document["every_us"], most=most)
        for one in document["profiles"]:
            profiles._put((one["slice_us"], one["column"]), _KINDS[columns[one["column"]]].from_dict(one["counts"]))
        return profiles

    def pieces(self, most_bytes: int = _PIECE_BYTES) -> Iterator[bytes]:
        """For `from_bytes`, there or elsewhere: parts of about that size, at least one, which merge to the whole."""
        held: list[bytes] = []
        size = 0
        head = json.dumps(self._head()).encode()
        for (slice_us, column), counts in self._counts.items():
            held.append(json.dumps({"slice_us": slice_us, "column": column, "counts": counts.to_dict()}).encode())
            size += len(held[-1])
            if size >= most_bytes:
                yield _piece(head, held)
                held, size = [], 0
        if held or not self._counts:
            yield _piece(head, held)

    @classmethod
    def from_bytes(cls, piece: bytes) -> Self:
        """One of `pieces`."""
        return cls.from_dict(json.loads(piece))


def _piece(head: bytes, profiles: list[bytes]) -> bytes:
    return head[:-1] + b', "profiles": [' + b", ".join(profiles) + b"]}"


def _described(profiles: Profiles) -> str:
    columns = ", ".join(f"{name}: {kind.value}" for name, kind in profiles.columns.items())
    return f"slices of {profiles.every_us} us of {columns}"
