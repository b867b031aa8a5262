"""Row hashes against MurmurHash3's reference, and contents against their own definition of sameness."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.ingest.content import fixed_batches, hash_batches
from gapless.ingest.hashing import hash_rows

_MASK = 2**64 - 1


def _rotated(x: int, bits: int) -> int:
    return ((x << bits) | (x >> (64 - bits))) & _MASK


def _finished(k: int) -> int:
    k = ((k ^ (k >> 33)) * 0xFF51AFD7ED558CCD) & _MASK
    k = ((k ^ (k >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK
    return k ^ (k >> 33)


def _murmur(data: bytes) -> tuple[int, int]:
    """Appleby's MurmurHash3_x64_128 with seed 0, from its C++."""
    c1, c2, h1, h2 = 0x87C37B91114253D5, 0x4CF5AD432745937F, 0, 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        k1, k2 = struct.unpack_from("<QQ", data, at)
        h1 ^= (_rotated((k1 * c1) & _MASK, 31) * c2) & _MASK
        h1 = ((_rotated(h1, 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 ^= (_rotated((k2 * c2) & _MASK, 33) * c1) & _MASK
        h2 = ((_rotated(h2, 31) + h1) * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    if len(tail) > 8:
        h2 ^= (_rotated((int.from_bytes(tail[8:], "little") * c2) & _MASK, 33) * c1) & _MASK
    if tail:
        h1 ^= (_rotated((int.from_bytes(tail[:8], "little") * c1) & _MASK, 31) * c2) & _MASK
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1, h2 = _finished(h1), _finished(h2)
    h1 = (h1 + h2) & _MASK
    return h1, (h2 + h1) & _MASK


def test_the_published_vector() -> None:
    """From the reference implementation: "hello" with seed 0."""
    assert _murmur(b"hello") == (0xCBD8A7B341BD9B02, 0x5B1E906A48AE1D19)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=10))
def test_one_text_is_murmur(texts: list[str]) -> None:
    assert [tuple(row) for row in hash_rows([pa.array(texts)]).tolist()] == [_murmur(text.encode()) for text in texts]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=10))
def test_one_number_is_murmur_of_its_bytes(numbers: list[int]) -> None:
    expected = [_murmur(struct.pack("<q", number)) for number in numbers]
    assert [tuple(row) for row in hash_rows([pa.array(numbers, pa.int64())]).tolist()] == expected


_ROW = st.tuples(
    st.one_of(st.none(), st.sampled_from(["", "a", "b", "ab"])),
    st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0])),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.sampled_from(["", "a", "b"])),
)


@given(st.lists(_ROW, min_size=1, max_size=20), st.integers(0, 5))
def test_rows_are_equal_where_their_hashes_are(rows: list[tuple[str, float, bool, str]], skipped: int) -> None:
    kinds = [pa.string(), pa.float64(), pa.bool_(), pa.string()]
    padded = [(None, None, None, None)] * skipped + rows
    columns = [pa.array([row[i] for row in padded], kind).slice(skipped) for i, kind in enumerate(kinds)]
    hashes = [tuple(row) for row in hash_rows(columns).tolist()]
    for i, row in enumerate(rows):
        for j, other in enumerate(rows):
            assert (hashes[i] == hashes[j]) == (repr(row) == repr(other))


def test_no_rows() -> None:
    assert hash_rows([pa.array([], pa.string()), pa.array([], pa.float64())]).shape == (0, 2)


def _table() -> pa.Table:
    return pa.table({"a": ["x", None, "y"] * 50, "b": [1.5, 2.5, None] * 50, "c": [True, None, False] * 50})


@pytest.mark.parametrize("rows", [1, 7, 64, 149, 150, 1000])
def test_contents_are_the_same_in_any_chunks(rows: int) -> None:
    cut = pa.Table.from_batches(_table().to_batches(max_chunksize=rows))
    padded = pa.concat_tables([_table().slice(0, 10), _table()]).combine_chunks().slice(10)
    assert hash_batches(cut) == hash_batches(padded) == hash_batches(_table())
    assert [b.num_rows for b in fixed_batches(cut.to_reader(), 40)] == [40, 40, 40, 30]


def test_contents_differ_by_one_value_or_null() -> None:
    digests = {hash_batches(_table().slice(0, n)) for n in range(10)}
    digests.add(hash_batches(_table().set_column(0, "a", pa.array(["x", None, "z"] * 50))))
    digests.add(hash_batches(_table().set_column(0, "a", pa.array(["x", "", "y"] * 50))))
    assert len(digests) == 12
    assert all(len(digest) == hashlib.sha256().digest_size * 2 for digest in digests)


def test_hashes_spread_evenly() -> None:
    hashes = hash_rows([pa.array(range(100_000), pa.int64())])
    assert len(np.unique(hashes, axis=0)) == 100_000
    counts = np.bincount((hashes[:, 0] >> np.uint64(56)).astype(np.int64), minlength=256)
    assert counts.min() > 300
    assert counts.max() < 500
