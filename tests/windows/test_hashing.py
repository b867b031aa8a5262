"""FNV-1a of texts, against its definition."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gapless.distributing.buckets import bucket_of
from gapless.windows.hashing import text_hashes


def fnv_1a(text: str) -> int:
    """As its authors wrote it down: 64 bits, one byte after the other."""
    found = 0xCBF29CE484222325
    for byte in text.encode():
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return found


@given(st.lists(st.text(max_size=20) | st.none()), st.integers(0, 5), st.integers(0, 30))
def test_hashes_are_those_of_the_definition_in_any_slice(texts, start, rows):
    array = pa.array(texts, pa.string()).slice(start, rows)
    found = text_hashes(array).tolist()
    assert len(found) == len(array)
    assert all(got == fnv_1a(text) for got, text in zip(found, array.to_pylist(), strict=True) if text is not None)


def test_keys_of_two_columns_are_spread_over_all_buckets():
    keys = [pa.array([f"k{i % 1000}" for i in range(5000)]), pa.array([f"p{i % 7}" for i in range(5000)])]
    found = bucket_of(keys, 16)
    by_key: dict[tuple[str, str], set[int]] = {}
    for first, second, bucket in zip(*(key.to_pylist() for key in keys), found.tolist(), strict=True):
        by_key.setdefault((first, second), set()).add(bucket)
    assert all(len(buckets) == 1 for buckets in by_key.values())
    assert {bucket for buckets in by_key.values() for bucket in buckets} == set(range(16))
