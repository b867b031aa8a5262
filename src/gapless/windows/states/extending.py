"""The kernel of extending: what a key has, and its new events, into one sealed state.

old     ... old state of key 0 ... old state of key 1 ...
new       built from the events of key 0 ... of key 1 ...
out     lead │ state 0 │ lead │ state 1 ...                 `lead`: bytes that are left for who asked
"""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.jit import BITS, INT, types
from gapless.windows.states.checking import INTACT, crc32
from gapless.windows.states.combining import copy
from gapless.windows.states.encoding import put_header
from gapless.windows.states.kernels import BYTES, GRID, HEAD, LIMBS, SEAL, compiled
from gapless.windows.states.merging import merged, opened
from gapless.windows.states.words import PADDING, Bytes, room, store_byte

__all__ = ["extend_states"]

_STATES = types.Tuple((types.uint8[::1], types.int64[:, ::1], INT))


@compiled(_STATES(BYTES, BYTES, GRID, BITS, GRID, BITS, GRID, GRID, INT))
def extend_states(
    old: Bytes, new: Bytes, places: Ints, cut: Ints, cuts: Ints, lead: Ints, tiers: Ints, slots: Ints, fingerprint: int
) -> tuple[Bytes, Ints, int]:
    """States with checksums: their bytes, where each begins and ends, and the first key whose old one is damaged or -1.

    `places` is where the old state and the new one begin and end, by key: the old one with its checksum, nothing where
    there is none; the new one with room for a checksum. `cuts[cut[key]]` is where the first tile begins that is kept,
    by tier.
    """
    ends, cursors = np.empty((len(places), 2), np.int64), np.zeros((3, 8), np.int64)
    limbs, spans, work = np.zeros((2, LIMBS), np.int64), np.empty((2, 2), np.int64), np.empty(LIMBS, np.int64)
    spans[:, 0], spans[:, 1] = 1 << 20, -1
    both = np.zeros(2 * PADDING, np.uint8)
    out = np.empty(len(old) + len(new) + len(places) * HEAD + 256, np.uint8)
    at = 0
    for key in range(len(places)):
        start, stop = places[key, 0], places[key, 1]
        there = stop - start
        both = room(both, 0, there + places[key, 3] - places[key, 2] + PADDING)
        end = copy(both, copy(both, 0, old, start, stop), new, places[key, 2], places[key, 3])
        good = there == 0 or crc32(both, 0, there, 0) == INTACT
        good = good and opened(both, cursors, 0, 0, there, fingerprint, tiers, slots)
        good = good and opened(both, cursors, 1, there, end, fingerprint, tiers, slots)
        if not good:
            return out, ends, key
        out = room(out, at, lead[key] + HEAD + SEAL)
        at += lead[key] + HEAD
        begin, tiles = at, 0
        out, at, tiles = merged(out, at, both, cursors, tiers, slots, cuts[cut[key]], limbs, spans, work)
        if tiles < 0:
            return out, ends, key
        start = put_header(out, begin, fingerprint, tiles)
        check = crc32(out, start, at, 0)
        for k in range(SEAL):
            store_byte(out, at + k, check >> 8 * k)
        at += SEAL
        ends[key, 0], ends[key, 1] = start, at
    return out, ends, -1
