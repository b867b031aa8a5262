"""The records that new events change, where none of their events has to wait: in compiled code, from bytes to bytes.

`online.chunks` says what comes of it, one key at a time; this gives the same bytes for many keys at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gapless.errors import CorruptData
from gapless.online.chunks import damaged_record, too_large
from gapless.online.heads import Heads, oldest_kept, put_heads
from gapless.online.keyed import Keyed
from gapless.online.layout import Layout
from gapless.online.record import HEAD_BYTES
from gapless.ports.updates import MAX_VALUE_BYTES
from gapless.windows.states import StateBytes, extend
from gapless.windows.window import BEGINNING

__all__ = ["extended"]

Ints = npt.NDArray[np.int64]


def extended(layout: Layout, keyed: Keyed, old: Heads, position: int) -> list[bytes]:
    """The record of each key with its events in, all of which are visible.

    Parameters:
        keyed — some keys may have no events.
        old — the records that are there, none of whose pending events has become visible.
        position — of the commit that these records are for.

    Returns: bytes equal to those of `combined`.
    Raises: CorruptData for a record that is damaged; InputError for one that has become larger than a store takes.
    """
    newest = old.newest_us.copy()
    np.maximum.at(newest, keyed.events.key, keyed.events.visible_from)
    lead = HEAD_BYTES + old.waiting
    # tiles of a record that says it has none are not looked at
    states = StateBytes(old.data, np.where(newest == BEGINNING, old.stop, old.start), old.stop)
    try:
        made = extend(layout.plan, states, keyed.events.sorted(), oldest_kept(newest), lead)
    except CorruptData as error:
        raise damaged_record(layout, keyed.keys[int(error.seen)], error) from error  # type: ignore[call-overload]
    put_heads(made.data, np.ascontiguousarray(made.start), old, newest, position)
    return _cut(layout, keyed.keys, made, lead)


def _cut(layout: Layout, keys: list[bytes], made: StateBytes, lead: Ints) -> list[bytes]:
    start, stop = made.start - lead, made.stop
    for i in np.flatnonzero(stop - start > MAX_VALUE_BYTES)[:1].tolist():
        raise too_large(layout, keys[i], int(stop[i] - start[i]))
    data = made.data.tobytes()
    return [data[a:b] for a, b in zip(start.tolist(), stop.tolist(), strict=True)]
