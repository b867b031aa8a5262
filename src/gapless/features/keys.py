"""Keys of requests as dense codes, and the same codes for the events that have such a key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import plain
from gapless.errors import InputError

__all__ = ["KeyIndex"]

Codes = npt.NDArray[np.int64]


class KeyIndex:
    """The distinct keys of some requests, in sorted-by-code order; a key with a null part is nobody's key.

    One column: a code is its place among the distinct values. Several: the places are digits of one int64
    (mixed radix), whose distinct values are numbered again, so that codes stay dense.

    Parameters:
        columns — the key columns of the requests, each of one type.

    Raises: InputError when the digits do not fit 63 bits.

    Examples:
        >>> index = KeyIndex([pa.array(["JFK", "LGA", "JFK", None])])
        >>> index.codes.tolist(), index.find([pa.array(["LGA", "SFO", None])]).tolist()
        ([0, 1, 0, 2], [1, -1, -1])
        >>> len(index)
        2
    """

    def __init__(self, columns: Sequence[pa.Array | pa.ChunkedArray]) -> None:
        arrays = [plain(column) for column in columns]
        self._levels = [pc.drop_null(pc.unique(array)) for array in arrays]
        _check_room([len(level) for level in self._levels])
        mixed = self._mixed(arrays)
        if len(arrays) == 1:
            self._distinct: Codes | None = None
            self._size = len(self._levels[0])
            self.codes = np.where(mixed < 0, self._size, mixed)
        else:
            known = mixed >= 0
            self._distinct = np.unique(mixed[known])
            self._size = len(self._distinct)
            self.codes = np.full(len(mixed), self._size, np.int64)
            self.codes[known] = np.searchsorted(self._distinct, mixed[known])

    def __len__(self) -> int:
        """How many distinct keys; the code of a request without a key is this number, which no event has."""
        return self._size

    def find(self, columns: Sequence[pa.Array | pa.ChunkedArray]) -> Codes:
        """The code of each row's key, -1 where no request has it."""
        mixed = self._mixed([plain(column) for column in columns])
        if self._distinct is None:
            return mixed
        if self._size == 0:
            return np.full(len(mixed), -1, np.int64)
        place = np.minimum(np.searchsorted(self._distinct, mixed), self._size - 1)
        return np.where(self._distinct[place] == mixed, place, -1)

    def _mixed(self, arrays: Sequence[pa.Array]) -> Codes:
        digits = [_places(array, level) for array, level in zip(arrays, self._levels, strict=True)]
        mixed = digits[0]
        for digit, level in zip(digits[1:], self._levels[1:], strict=True):
            mixed = np.where((mixed < 0) | (digit < 0), -1, mixed * max(len(level), 1) + digit)
        return mixed


def _places(array: pa.Array, level: pa.Array) -> Codes:
    found = pc.index_in(array, value_set=level, skip_nulls=True)
    places: Codes = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return places


def _check_room(sizes: Sequence[int]) -> None:
    product = 1
    for size in sizes:
        product *= max(size, 1)
    if product >= 2**62:
        raise InputError(
            "a key of several columns has too many combinations",
            seen=" x ".join(str(size) for size in sizes),
            allowed="a product of distinct values below 2^62",
            next_step="join the columns into one id where the data is written",
        )
