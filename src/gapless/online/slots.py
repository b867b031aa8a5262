"""The parts that the state of some groups lies in: files, and each partition of a source that has a topic.

group 0: files  group 0: partition 0  group 0: partition 1  group 1: files  …
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gapless.errors import CorruptData
from gapless.online.layout import Layout, in_namespace
from gapless.online.looked import GroupState, Heads
from gapless.online.offsets import Offset, from_bytes
from gapless.online.topology import TOPOLOGY_KEY, topology_from
from gapless.ports.online import MAX_POSITION
from gapless.ports.places import position_at

__all__ = ["Known", "Slots"]

_NOTHING_COUNTS = 2**63  # above every position


@dataclass(frozen=True)
class Known:
    """What the offset records of all parts say.

    Parameters:
        bases — per part the position above which its records count.
        ends — per partition the position up to which its offset record says that events are in; of files MAX_POSITION.
    """

    heads: Heads
    bases: list[int]
    ends: list[int]


@dataclass(frozen=True, eq=False)
class Slots:
    """The parts of some groups by the topology of a store.

    Parameters:
        topology — the bytes that say so; None: no source has a topic.
        groups — the layouts of files, one per group.
    """

    topology: bytes | None
    groups: tuple[Layout, ...]

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """One per part. Raises: CorruptData for a topology that cannot be read."""
        return tuple(part for group in self.groups for part in (group, *self._partitions(group)))

    def _partitions(self, group: Layout) -> list[Layout]:
        count = topology_from(self.topology).get(group.group.source.origin.name, 0)
        return [group.of_partition(partition) for partition in range(count)]

    @cached_property
    def group_of(self) -> tuple[int, ...]:
        """The place of each part's group."""
        counts = [1 + len(self._partitions(group)) for group in self.groups]
        return tuple(place for place, count in enumerate(counts) for _ in range(count))

    @cached_property
    def split(self) -> bool:
        """Whether some group has more than one part."""
        return len(self.layouts) > len(self.groups)

    @cached_property
    def head_keys(self) -> list[bytes]:
        """The topology and the offset records."""
        return [TOPOLOGY_KEY, *(layout.offset_key for layout in self.layouts)]

    @cached_property
    def _namespaces(self) -> tuple[tuple[bytes, ...], ...]:
        """Of the partitions, by group."""
        return tuple(tuple(part.namespace for part in self._partitions(group)) for group in self.groups)

    def keys_of(self, row: Mapping[str, Any]) -> list[bytes]:
        """The keys of a row's records, one per part."""
        if not self.split:
            return [layout.key_of(row) for layout in self.groups]
        keys: list[bytes] = []
        for layout, namespaces in zip(self.groups, self._namespaces, strict=True):
            key = layout.key_of(row)
            keys += [key, *(in_namespace(key, namespace) for namespace in namespaces)]
        return keys

    def known(self, found: Sequence[bytes | None]) -> Known:
        """What the offset records, in the order of `layouts`, say."""
        offsets = [_offset(data) for data in found]
        states = tuple(
            _group_state(layout, data, offset)
            for layout, data, offset in zip(self.layouts, found, offsets, strict=True)
        )
        as_of: dict[str, int | None] = {}
        for place, layout in enumerate(self.groups):
            parts = [state for state, group in zip(states, self.group_of, strict=True) if group == place]
            as_of |= dict.fromkeys(layout.views, _as_of_us(parts))
        bases = [_base(offset) for offset in offsets]
        ends = [_end(layout, offset) for layout, offset in zip(self.layouts, offsets, strict=True)]
        return Known(Heads(states, as_of), bases, ends)


def _offset(data: bytes | None) -> Offset | None:
    try:
        return None if data is None else from_bytes(data)
    except CorruptData:
        return None


def _group_state(layout: Layout, data: bytes | None, known: Offset | None) -> GroupState:
    state = GroupState(layout.namespace.hex(), layout.views, partition=layout.partition)
    if known is None:
        return replace(state, damaged=data is not None)
    return replace(state, position=known.position, offset=known.offset, as_of_us=known.as_of_us)


def _as_of_us(parts: Sequence[GroupState]) -> int | None:
    """Of a group: where the topology names partitions, what comes in by them keeps it fresh, and all must be there."""
    files, *partitions = parts
    if files.as_of_us is None or not partitions:
        return files.as_of_us
    known = [part.as_of_us for part in partitions if part.as_of_us is not None]
    return min(known) if len(known) == len(partitions) else None


def _end(layout: Layout, known: Offset | None) -> int:
    return MAX_POSITION if layout.partition is None or known is None else position_at(known.base, known.offset)


def _base(known: Offset | None) -> int:
    return _NOTHING_COUNTS if known is None or known.as_of_us is None else known.base
