"""The kernel of building: sorted events to the states of their keys."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.jit import BITS, INT, inlined, types
from gapless.windows.states.encoding import put_header, put_tile
from gapless.windows.states.filling import LOG, Log, fill, need
from gapless.windows.states.kernels import GRID, HEAD, LIMBS, SEAL, compiled
from gapless.windows.states.words import Bytes, room

__all__ = ["build_states"]

_STATES = types.Tuple((types.uint8[::1], types.int64[:, ::1], INT))


@inlined
def _largest_run(key: Ints) -> int:
    largest = start = 0
    for i in range(len(key)):
        if key[i] != key[start]:
            start = i
        largest = max(largest, i + 1 - start)
    return largest


@inlined
def _disorder(key: Ints, log: Log) -> int:
    """The first row that does not stand after the one before it; -1 where all do."""
    for i in range(1, len(key)):
        if key[i] != key[i - 1]:
            if key[i] < key[i - 1]:
                return i
        elif log.event_time[i] != log.event_time[i - 1]:
            if log.event_time[i] < log.event_time[i - 1]:
                return i
        elif log.known_at[i] != log.known_at[i - 1]:
            if log.known_at[i] < log.known_at[i - 1]:
                return i
        elif log.offset[i] <= log.offset[i - 1]:
            return i
    return -1


@compiled(_STATES(BITS, LOG, GRID, GRID, BITS, INT, INT))
def build_states(
    key: Ints, log: Log, tiers: Ints, slots: Ints, oldest: Ints, fingerprint: int, keys: int
) -> tuple[Bytes, Ints, int]:
    """States without checksums: their bytes, where each begins and ends, and the first row out of order or -1.

    `oldest` is where the first tile begins that is kept, by tier.
    """
    ends = np.empty((keys, 2), np.int64)
    disorder = _disorder(key, log)
    if disorder >= 0:
        return np.empty(0, np.uint8), ends, disorder
    limbs, spans = np.zeros((2, LIMBS), np.int64), np.empty((2, 2), np.int64)
    spans[:, 0], spans[:, 1] = 1 << 20, -1
    work = np.empty((5, max(_largest_run(key), LIMBS)), np.int64)
    out = np.empty(HEAD + 32 * len(key) + 1024, np.uint8)
    at = row = 0
    for code in range(keys):
        stop = row
        while stop < len(key) and key[stop] == code:
            stop += 1
        out = room(out, at, HEAD + SEAL)
        at += HEAD
        begin, tiles = at, 0
        for tier in range(len(tiers)):
            hop, i = tiers[tier, 0], row
            while i < stop:
                start, end = -(1 << 63), stop
                if hop > 0:
                    start = log.event_time[i] // hop * hop
                    end = i + 1
                    while end < stop and log.event_time[end] - start < hop:
                        end += 1
                if start >= oldest[tier]:
                    tiles += 1
                    out = room(out, at, need(log, slots, tiers[tier, 1], tiers[tier, 2], i, end) + SEAL)
                    at = put_tile(out, at, tier, start)
                    for s in range(tiers[tier, 1], tiers[tier, 2]):
                        at = fill(out, at, log, slots, s, i, end, limbs, spans, work)
                i = end
        ends[code, 0], ends[code, 1] = put_header(out, begin, fingerprint, tiles), at
        at += SEAL
        row = stop
    return out, ends, -1
