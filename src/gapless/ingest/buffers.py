"""The bytes of Arrow columns as NumPy arrays, without copying."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["text_buffers", "valid_mask", "words"]

_NOTHING = b"\0" * 8


def text_buffers(column: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """(offsets, bytes) of a `string` column: text i is bytes[offsets[i]:offsets[i+1]]."""
    _, offsets, data = column.buffers()
    if offsets is None or len(column) == 0:
        return np.frombuffer(_NOTHING, np.int32)[:1], np.frombuffer(_NOTHING, np.uint8)
    starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return starts, np.frombuffer(data if data is not None and data.size else _NOTHING, np.uint8)


def valid_mask(column: pa.Array) -> npt.NDArray[np.bool_]:
    """True where there is a value."""
    mask: npt.NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return mask


def words(column: pa.Array) -> npt.NDArray[np.uint64]:
    """The bits of a float64, int64, timestamp or bool column; whatever lies under a null."""
    if pa.types.is_boolean(column.type):
        flags = column.cast(pa.uint8()).fill_null(0).to_numpy(zero_copy_only=False)
        widened: npt.NDArray[np.uint64] = flags.astype(np.uint64)
        return widened
    data: Any = column.buffers()[1]
    if len(column) == 0:
        return np.frombuffer(_NOTHING, np.uint64)[:0]
    return np.frombuffer(data, np.uint64)[column.offset : column.offset + len(column)]
