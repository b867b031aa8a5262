"""Counts of a column of texts or flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import plain
from gapless.windows.hashing import text_hashes

__all__ = ["CategoryCounts"]

_TOP = 5
_LONGEST, _BEGINNING = 100, 80
_HASHES = float(1 << 64)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CategoryCounts:
    """How many rows, missing values, and rows of each value; of columns with over `most` values, of some of them.

    Which values are kept is decided by a hash of the value: those with the smallest ones. So the values that are kept
    have exact counts after any merging, and are a fair sample of all: their number says how many there are.

    Parameters:
        counts — rows by value; flags are "true" and "false", and of a text of over 100 characters there are the first
            80 and a hash of all. others — rows of all other values.

    Guarantees: as NumberCounts.
    """

    kind: ClassVar[str] = "categories"
    most: ClassVar[int] = 1000

    rows: int = 0
    missing: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    others: int = 0

    @classmethod
    def of(cls, column: pa.Array) -> Self:
        """Of some rows. Cost: about 60 ns a row, 100 ns a distinct value."""
        array = plain(column)
        texts = array.cast(pa.string()) if pa.types.is_boolean(array.type) else array
        found = pc.value_counts(pc.drop_null(_shortened(texts)))
        return cls._kept(len(array), array.null_count, found.field("values"), found.field("counts").to_numpy(), 0)

    @classmethod
    def _kept(cls, rows: int, missing: int, values: pa.StringArray, counts: Ints, others: int) -> Self:
        if len(values) > cls.most:
            chosen = np.argpartition(_hashes(values), cls.most)[: cls.most]
            others += int(counts.sum() - counts[chosen].sum())
            values, counts = values.take(pa.array(chosen)), counts[chosen]
        return cls(rows, missing, dict(sorted(zip(values.to_pylist(), counts.tolist(), strict=True))), others)

    def merge(self, other: Self) -> Self:
        """Of both."""
        both = Counter(self.counts) + Counter(other.counts)
        values, counts = pa.array(both, pa.string()), np.fromiter(both.values(), np.int64, len(both))
        others = self.others + other.others
        return self._kept(self.rows + other.rows, self.missing + other.missing, values, counts, others)

    @property
    def size(self) -> int:
        """How much is held, in values."""
        return 1 + len(self.counts)

    @property
    def distinct(self) -> int:
        """How many values there are: exact up to `most`, else told by the largest hash with a standard error of 3 %."""
        if not self.others:
            return len(self.counts)
        return round((self.most - 1) * _HASHES / float(_hashes(pa.array(self.counts, pa.string())).max()))

    @property
    def top(self) -> list[tuple[str, int]]:
        """The values with the most rows among those that are kept, the first five."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, from which `from_dict` makes the same."""
        return {"rows": self.rows, "missing": self.missing, "counts": dict(self.counts), "others": self.others}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """What `to_dict` gave."""
        return cls(**document)

    def summary(self) -> dict[str, Any]:
        """What people read of it; `exact` says whether every value is counted."""
        return {"distinct": self.distinct, "exact": not self.others, "top": [list(one) for one in self.top]}


def _shortened(texts: pa.StringArray) -> pa.StringArray:
    long = pc.greater(pc.utf8_length(texts), _LONGEST)
    if not pc.any(long).as_py():
        return texts
    short = [f"{text[:_BEGINNING]}…{_digest(text)}" for text in texts.filter(long).to_pylist()]
    return pc.replace_with_mask(texts, pc.fill_null(long, fill_value=False), pa.array(short, pa.string()))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _hashes(values: pa.StringArray) -> npt.NDArray[np.uint64]:
    """[n] that of each value, its bits spread evenly (the last step of MurmurHash3)."""
    mixed = text_hashes(values)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(33))
