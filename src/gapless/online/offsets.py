"""The offset record of a group: which events are in, and what is under way."""

from __future__ import annotations

from typing import Literal

import msgspec

from gapless.errors import CorruptData
from gapless.online.framed import framed, unframed

__all__ = ["LEAP", "Job", "Offset", "from_bytes", "to_bytes"]

LEAP = 2**32
"""A new filling is numbered so far above the one before: commits that nobody ever makes."""


class Job(msgspec.Struct, frozen=True):
    """A materialization under way: what it leads to, and how far it has come.

    Parameters:
        offset, as_of_us — where it leads.
        chunk_events — events per commit; written down, so that a chunk done twice is the same chunk.
        phase — "old": events below the offset it began at that became known meanwhile; then "new".
        done — every event of the phase below this place is in.
    """

    offset: int
    as_of_us: int
    chunk_events: int
    phase: Literal["old", "new"]
    done: int


class Offset(msgspec.Struct, frozen=True):
    """Which events are in: those with a place below `offset` that were known by `as_of_us`.

    Parameters:
        position — counts the commits of the group; every record carries that of its commit.
        base — records with a position up to this are of an earlier filling and hold nothing.
        as_of_us — None: the first filling is not through, and the group is not materialized.
        job — what is under way; then some keys are ahead.
    """

    position: int
    base: int
    offset: int
    as_of_us: int | None
    job: Job | None = None


def to_bytes(offset: Offset) -> bytes:
    """A version, MessagePack, and a CRC-32 of both."""
    return framed(offset)


def from_bytes(data: bytes) -> Offset:
    """What `to_bytes` wrote.

    Raises: CorruptData.
    """
    found = unframed(data, Offset)
    if found is None:
        raise _corrupt(data)
    return found


def _corrupt(data: bytes) -> CorruptData:
    return CorruptData(
        "not an offset record",
        seen=data[:32],
        allowed="what this release of gapless wrote",
        next_step="gapless materialize --rebuild writes it anew",
    )
