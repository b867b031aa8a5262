"""Which sources have partitions whose state lies beside that of files: one record for the whole store.

Readers take it in with every look, so that they find partitions that came later.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gapless.errors import Conflict, CorruptData
from gapless.online.framed import framed, unframed
from gapless.ports.online import OnlineStore, Update

__all__ = ["TOPOLOGY_KEY", "announce", "topology_from"]

TOPOLOGY_KEY = b"topology"
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
        if store.commit({}, {TOPOLOGY_KEY: Update(made.position, framed(made), there.position)}).written:
            return
    raise Conflict("others wrote the topology of the online store all the time", seen=source, next_step="run it again")


def _decoded(data: bytes) -> _Topology:
    found = unframed(data, _Topology)
    if found is None:
        raise _corrupt(data)
    return found


def _corrupt(data: bytes) -> CorruptData:
    return CorruptData(
        "the topology of the online store cannot be read",
        seen=data[:32],
        allowed="what this release of gapless wrote",
        next_step="empty the store; gapless stream fills it again",
    )
