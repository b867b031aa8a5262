"""Which sources have partitions whose state lies beside that of files: one record for the whole store.

Readers take it in with every look, so that they find partitions that came later.
"""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import msgspec

from gapless.errors import Conflict, CorruptData
from gapless.ports.online import OnlineStore, Update

__all__ = ["TOPOLOGY_KEY", "announce", "topology_from"]

TOPOLOGY_KEY = b"topology"
_VERSION = b"\x01"
_TRIES = 100


class _Topology(msgspec.Struct, frozen=True):
    position: int
    partitions: dict[str, int]


def topology_from(data: bytes | None) -> Mapping[str, int]:
    """Partitions by source; a source that is not named has none.

    Raises: CorruptData.
    """
    return {} if data is None else _decoded(data).partitions


def announce(store: OnlineStore, source: str, partitions: int) -> None:
    """Readers look for so many partitions of the source from now on; the number never becomes smaller.

    Raises: what the store raises; Conflict where others announced all the time.
    """
    for _ in range(_TRIES):
        data = store.read([TOPOLOGY_KEY])[0]
        there = _Topology(0, {}) if data is None else _decoded(data)
        if there.partitions.get(source, 0) >= partitions:
            return
        made = _Topology(there.position + 1, {**there.partitions, source: partitions})
        if store.commit({}, {TOPOLOGY_KEY: Update(made.position, _encoded(made), there.position)}).written:
            return
    raise Conflict("others wrote the topology of the online store all the time", seen=source, next_step="run it again")


def _encoded(topology: _Topology) -> bytes:
    framed = _VERSION + msgspec.msgpack.encode(topology)
    return framed + crc32(framed).to_bytes(4, "little")


def _decoded(data: bytes) -> _Topology:
    if data[:1] != _VERSION or crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise _corrupt(data)
    try:
        return msgspec.msgpack.decode(data[1:-4], type=_Topology)
    except msgspec.DecodeError as error:
        raise _corrupt(data) from error


def _corrupt(data: bytes) -> CorruptData:
    return CorruptData(
        "the topology of the online store cannot be read",
        seen=data[:32],
        allowed="what this release of gapless wrote",
        next_step="empty the store; gapless stream fills it again",
    )
