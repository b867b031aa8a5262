"""Which bucket a key is in, from its values alone: events and requests of a key meet wherever they were read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import plain, to_numpy
from gapless.windows.hashing import text_hashes

__all__ = ["bucket_of", "dealt"]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)

Array = npt.NDArray[Any]


def bucket_of(keys: Sequence[pa.Array], buckets: int) -> npt.NDArray[np.uint16]:
    """[n] the bucket of each row's key. Equal keys are in one bucket; where nulls are is nobody's concern.

    Parameters:
        buckets — at most 65,535.

    Examples:
        >>> a = bucket_of([pa.array(["JFK", "LGA", "JFK"]), pa.array([1.0, 2.0, 1.0])], 100)
        >>> b = bucket_of([pa.array(["LGA", "JFK"]), pa.array([2.0, 1.0])], 100)
        >>> bool(a[0] == a[2] == b[1]), bool(a[1] == b[0])
        (True, True)
    """
    mixed = np.zeros(len(keys[0]), np.uint64)
    for key in keys:
        mixed = (mixed ^ _number(plain(key))) * _MIX
        mixed ^= mixed >> _SHIFT
    return (mixed % np.uint64(buckets)).astype(np.uint16)


def _number(key: pa.Array) -> npt.NDArray[np.uint64]:
    """A number for each value, the same for equal ones."""
    if pa.types.is_string(key.type):
        return text_hashes(key)
    values, _ = to_numpy(key)
    if values.dtype == np.float64:
        values = values + 0.0  # there are two zeros, and they are equal
    return values.astype(np.uint64) if values.dtype == np.bool_ else values.view(np.uint64)


def dealt(batch: pa.RecordBatch, bucket: Array, buckets: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(bucket, its rows in the order of the batch), of each that has some."""
    if buckets == 1:
        if batch.num_rows:
            yield 0, batch
        return
    ordered = batch.take(pa.array(np.argsort(bucket, kind="stable")))  # a radix sort for 16 bits
    ends = np.cumsum(np.bincount(bucket, minlength=buckets)).tolist()
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > start:
            yield number, ordered.slice(start, end - start)
