"""Keys of requests as dense codes, and the same codes for the events that have such a key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import plain

__all__ = ["KeyIndex"]

Codes = npt.NDArray[np.int64]


class KeyIndex:
    """The distinct keys of some requests, in sorted-by-code order; a key with a null part is nobody's key.

    One column: a code is its place among the distinct values. Several: from left to right, the code so far and the next
    column's place are two digits of one int64, whose distinct values are numbered again. So codes stay dense, and there
    is room whatever the number of columns.

    Parameters:
        columns — the key columns of the requests, each of one type.

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
        self._pairs: list[Codes] = []  # for each column after the first: the distinct (code so far, place)
        codes = _places(arrays[0], self._levels[0])
        self._size = len(self._levels[0])
        for array, level in zip(arrays[1:], self._levels[1:], strict=True):
            pairs = _paired(codes, array, level)
            distinct = np.unique(pairs[pairs >= 0])
            codes = _placed(pairs, distinct)
            self._pairs.append(distinct)
            self._size = len(distinct)
        self.codes = np.where(codes < 0, self._size, codes)

    def __len__(self) -> int:
        """How many distinct keys; the code of a request without a key is this number, which no event has."""
        return self._size

    def find(self, columns: Sequence[pa.Array | pa.ChunkedArray]) -> Codes:
        """The code of each row's key, -1 where no request has it."""
        codes = _places(plain(columns[0]), self._levels[0])
        for column, level, distinct in zip(columns[1:], self._levels[1:], self._pairs, strict=True):
            codes = _placed(_paired(codes, plain(column), level), distinct)
        return codes


def _paired(codes: Codes, array: pa.Array, level: pa.Array) -> Codes:
    places = _places(array, level)
    return np.where((codes < 0) | (places < 0), -1, codes * max(len(level), 1) + places)


def _placed(pairs: Codes, distinct: Codes) -> Codes:
    if not len(distinct):
        return np.full(len(pairs), -1, np.int64)
    place = np.minimum(np.searchsorted(distinct, pairs), len(distinct) - 1)
    return np.where(distinct[place] == pairs, place, -1)


def _places(array: pa.Array, level: pa.Array) -> Codes:
    found = pc.index_in(array, value_set=level, skip_nulls=True)
    places: Codes = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return places
