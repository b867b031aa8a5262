"""Counts of a column of timestamps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from gapless.arrow import to_numpy
from gapless.clock import format_instant

__all__ = ["InstantCounts", "shown"]


@dataclass(frozen=True)
class InstantCounts:
    """How many rows and missing values; the first and the last instant, in µs UTC.

    Guarantees: as NumberCounts.
    """

    kind: ClassVar[str] = "instants"

    rows: int = 0
    missing: int = 0
    first_us: int | None = None
    last_us: int | None = None

    @property
    def size(self) -> int:
        """How much is held, in bins."""
        return 1

    @classmethod
    def of(cls, column: pa.Array) -> Self:
        """Of some rows."""
        values, valid = to_numpy(column)
        there = values[valid]
        if not len(there):
            return cls(len(values), len(values))
        return cls(len(values), len(values) - len(there), int(there.min()), int(there.max()))

    def merge(self, other: Self) -> Self:
        """Of both."""
        return type(self)(
            self.rows + other.rows,
            self.missing + other.missing,
            min((one for one in (self.first_us, other.first_us) if one is not None), default=None),
            max((one for one in (self.last_us, other.last_us) if one is not None), default=None),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, from which `from_dict` makes the same."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """What `to_dict` gave."""
        return cls(**document)

    def summary(self) -> dict[str, Any]:
        """What people read of it."""
        ends = {"first": self.first_us, "last": self.last_us}
        return {name: None if us is None else shown(us) for name, us in ends.items()}


def shown(us: int) -> str:
    """An instant as text, also one of no year that a calendar has.

    Examples:
        >>> shown(0), shown(2**60)
        ('1970-01-01T00:00:00Z', '1152921504606846976 us')
    """
    try:
        return format_instant(us)
    except OverflowError:
        return f"{us} us"
