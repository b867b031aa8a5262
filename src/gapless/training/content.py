"""A hash of what a table holds, whatever the order of its rows and columns and however it is cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import plain, to_numpy

__all__ = ["ContentHash"]

_LANES = 4
Lanes = npt.NDArray[np.uint64]


class ContentHash:
    """The hash of a multiset of rows.

    A row's hash mixes its values with the names of their columns; the rows' hashes are added (mod 2^64 in each of four
    lanes), so order and batches do not matter and a repeated row does. Guards against accidents, not against somebody
    who constructs a collision.

    Cost: linear; each distinct text of a batch is hashed once.

    Examples:
        >>> import pyarrow as pa
        >>> a, b = ContentHash(), ContentHash()
        >>> a.update(pa.record_batch({"x": [1.0, None], "y": ["p", "q"]}))
        >>> b.update(pa.record_batch({"y": ["q"], "x": pa.array([None], pa.float64())}))
        >>> b.update(pa.record_batch({"y": ["p"], "x": [1.0]}))
        >>> a.hexdigest() == b.hexdigest()
        True
    """

    def __init__(self) -> None:
        self._sums = np.zeros(_LANES, np.uint64)
        self._rows = 0
        self._schema: dict[str, str] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Adds the rows of a batch."""
        self._schema |= {field.name: str(field.type) for field in batch.schema}
        self._rows += batch.num_rows
        rows = np.zeros((_LANES, batch.num_rows), np.uint64)
        for field in batch.schema:
            bits = _bits(batch.column(field.name))
            for lane in range(_LANES):
                rows[lane] += _mixed(bits ^ _seed(field.name, lane))
        self._sums += _mixed(rows).sum(axis=1, dtype=np.uint64)

    def following(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, each added as it passes."""
        for batch in batches:
            self.update(batch)
            yield batch

    def hexdigest(self) -> str:
        """The hash of all rows so far, 64 hex digits."""
        text = f"{sorted(self._schema.items())} {self._rows} {self._sums.tolist()}"
        return hashlib.sha256(text.encode()).hexdigest()


def _seed(name: str, lane: int) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(f"{lane}:{name}".encode(), digest_size=8).digest(), "little"))


_NULL = np.uint64(0x9E6C63D0876A9A35)  # any constant; a value with these bits is as unlikely as a collision


def _bits(column: pa.Array | pa.ChunkedArray) -> Lanes:
    array = plain(column)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _text_bits(array)
    values, valid = to_numpy(array)
    bits: Lanes = values.astype(np.uint64) if values.dtype == np.bool_ else values.view(np.uint64)
    return np.where(valid, bits, _NULL)


def _text_bits(array: pa.Array) -> Lanes:
    encoded = array.dictionary_encode()
    hashes = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in encoded.dictionary.to_pylist()]
    table = np.frombuffer(b"".join([*hashes, _NULL.tobytes()]), np.uint64)
    codes: npt.NDArray[Any] = pc.fill_null(encoded.indices, len(hashes)).to_numpy(zero_copy_only=False)
    bits: Lanes = table[codes]
    return bits


def _mixed(x: Lanes) -> Lanes:
    """splitmix64's finalizer (Steele, Lea, Flood 2014): every input bit moves about half of the output bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
