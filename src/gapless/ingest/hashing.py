"""128-bit hashes of rows and of whole contents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import plain
from gapless.ingest.buffers import text_buffers, valid_mask, words
from gapless.ingest.kernels import hash_nulls, hash_text, hash_words

__all__ = ["hash_rows", "update_with_batch"]


def hash_rows(columns: Iterable[pa.Array]) -> npt.NDArray[np.uint64]:
    """Two words per row: MurmurHash3 x64 128 of its values in order, each the seed of the next.

    Equal rows have equal hashes, bit for bit; null differs from every value. Of n different rows, two share a hash with
    a probability of about n² / 2^129 (10^-21 for a billion).

    Parameters:
        columns — string, float64, int64, bool or timestamp[us], at least one.
    """
    state: Any = None
    for column in columns:
        if state is None:
            state = np.zeros((len(column), 2), np.uint64)
        _mix(column, state)
    hashes: npt.NDArray[np.uint64] = state
    return hashes


def _mix(column: pa.Array, state: npt.NDArray[np.uint64]) -> None:
    before = state.copy() if column.null_count else state
    if pa.types.is_string(column.type):
        hash_text(*text_buffers(column), state)
    else:
        hash_words(words(column), state)
    if column.null_count:
        hash_nulls(valid_mask(column), before, state)


def update_with_batch(digest: hashlib._Hash, batch: pa.RecordBatch) -> None:
    """Takes the values in, whatever the chunks, offsets, encodings or padding that hold them."""
    for column in batch.columns:
        _update_with_column(digest, plain(column))


def _update_with_column(digest: hashlib._Hash, column: pa.Array) -> None:
    digest.update(f"{column.type}:{len(column)};".encode())
    digest.update(np.packbits(valid_mask(column)).tobytes())
    if pa.types.is_primitive(column.type) and not pa.types.is_boolean(column.type):
        bits = column.view({8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[column.type.bit_width])
        digest.update(bits.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        raw = column.view(pa.binary() if pa.types.is_string(column.type) else pa.large_binary())
        texts = raw.drop_null()
        digest.update(np.array([len(text) for text in texts.to_pylist()], np.int64).tobytes())
        digest.update(b"".join(texts.to_pylist()))
    else:
        digest.update(repr(column.to_pylist()).encode())
