"""Batches: records of one partition as the payload of a frame.

    base u64  appended_us i64  count u32  commit 16s        36 bytes
    length of each value u32 …  of each rest u32 …  values …  rests …
    rest: nothing, or  key length u32  key  (name length u16  value length u32  name  value) …

Lengths first and values side by side, so that a thousand records are one `struct` call and one join.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from gapless.ports.events import LogRecord, Outgoing

__all__ = ["BATCH_BYTES", "NO_COMMIT", "Batch", "batch_at", "batch_bytes", "outgoing_of", "records_of"]

_HEAD = struct.Struct("<QqI16s")
_KEY, _HEADER = struct.Struct("<I"), struct.Struct("<HI")
BATCH_BYTES = _HEAD.size
NO_COMMIT = bytes(16)


@dataclass(frozen=True, slots=True)
class Batch:
    """The head of a batch: records with offsets in [base, end), and the commit that they belong to."""

    base: int
    appended_us: int
    count: int
    commit: bytes

    @property
    def end(self) -> int:
        return self.base + self.count


def batch_bytes(records: Sequence[Outgoing], base: int, appended_us: int, commit: bytes = NO_COMMIT) -> bytes:
    """The payload of a frame.

    Examples:
        >>> data = batch_bytes([Outgoing(0, b"a", b"k", {"h": b"1"}), Outgoing(0, b"bb")], 5, 1)
        >>> [(r.offset, r.value, r.key, r.headers) for r in records_of(data, 0, 0, first=5, max_bytes=100)]
        [(5, b'a', b'k', {'h': b'1'}), (6, b'bb', b'', {})]
    """
    values = [record.value for record in records]
    rests = [_rest(record) if record.key or record.headers else b"" for record in records]
    count = len(values)
    lengths = struct.pack(f"<{2 * count}I", *map(len, values), *map(len, rests))
    return b"".join((_HEAD.pack(base, appended_us, count, commit), lengths, *values, *rests))


def batch_at(data: bytes, start: int) -> Batch:
    """The head of the batch whose payload begins here."""
    return Batch(*_HEAD.unpack_from(data, start))


def records_of(
    data: bytes, start: int, partition: int, *, first: int, max_bytes: int, at_least: int = 1
) -> list[LogRecord]:
    """Records of the batch from offset `first` on, up to so many bytes of values, and so many at least."""
    base, appended_us, count, _ = _HEAD.unpack_from(data, start)
    table = start + BATCH_BYTES
    lengths = struct.unpack_from(f"<{2 * count}I", data, table)
    ends = list(accumulate(lengths, initial=table + 8 * count))
    skipped = max(first - base, 0)
    last = _fitting(ends, skipped + at_least, count, ends[skipped] + max_bytes)
    cuts = pairwise(ends[skipped : last + 1])
    offsets = range(base + skipped, base + last)
    if ends[count] == ends[-1]:
        pairs = zip(offsets, cuts, strict=True)
        return [LogRecord(partition, offset, appended_us, data[a:b]) for offset, (a, b) in pairs]
    rests = pairwise(ends[count + skipped : count + last + 1])
    triples = zip(offsets, cuts, rests, strict=True)
    return [
        LogRecord(partition, offset, appended_us, data[a:b], *_key_and_headers(data[c:d]))
        for offset, (a, b), (c, d) in triples
    ]


def outgoing_of(data: bytes, start: int, partition: int) -> list[Outgoing]:
    """All records of the batch, to be appended."""
    records = records_of(data, start, partition, first=0, max_bytes=len(data))
    return [Outgoing(partition, record.value, record.key, record.headers) for record in records]


def _fitting(ends: Sequence[int], low: int, high: int, limit: int) -> int:
    """The largest index in [low, high] whose end is within the limit; `low` where none is."""
    return max(low, bisect_right(ends, limit, low, high + 1) - 1)


def _rest(record: Outgoing) -> bytes:
    parts = [_KEY.pack(len(record.key)), record.key]
    for name, value in record.headers.items():
        text = name.encode()
        parts += (_HEADER.pack(len(text), len(value)), text, value)
    return b"".join(parts)


def _key_and_headers(rest: bytes) -> tuple[bytes, Mapping[str, bytes]]:
    if not rest:
        return b"", {}
    place = _KEY.size + _KEY.unpack_from(rest)[0]
    key, headers = rest[_KEY.size : place], dict[str, bytes]()
    while place < len(rest):
        name, value = _HEADER.unpack_from(rest, place)
        middle = place + _HEADER.size + name
        place = middle + value
        headers[rest[middle - name : middle].decode()] = rest[middle:place]
    return key, headers
