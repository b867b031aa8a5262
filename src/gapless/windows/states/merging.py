"""The kernel of merging: pairs of states into one each, tile after tile as in a merge of sorted lists."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.jit import BITS, INT, inlined, types
from gapless.windows.states.combining import combine, copy, past, wanted
from gapless.windows.states.decoding import number, signed
from gapless.windows.states.encoding import put_header, put_tile
from gapless.windows.states.kernels import BYTES, GRID, HEAD, LIMBS, SEAL, bare, compiled
from gapless.windows.states.scanning import header
from gapless.windows.states.words import Bytes, room

__all__ = ["merge_states", "merged", "opened"]

_STATES = types.Tuple((types.uint8[::1], types.int64[:, ::1], INT))
_NO_TIER = 1 << 20
# columns of a cursor
_AT, _STOP, _LEFT, _TIER, _START, _BODY, _END = range(7)


@bare
def opened(
    data: Bytes, cursors: Ints, side: int, start: int, stop: int, fingerprint: int, tiers: Ints, slots: Ints
) -> bool:
    """Put a cursor on the first tile of a state."""
    tiles, at = 0, start
    cursors[side, _STOP] = stop
    if stop > start:
        cursors[side, _STOP] = stop - SEAL
        tiles, at = header(data, start, stop - SEAL, fingerprint)
    cursors[side, _END], cursors[side, _LEFT] = at, tiles
    cursors[side, _TIER], cursors[side, _START] = -1, 0
    return at <= cursors[side, _STOP] and _advance(data, cursors, side, tiers, slots)


@bare
def _advance(data: Bytes, cursors: Ints, side: int, tiers: Ints, slots: Ints) -> bool:
    """Go on to the next tile: its place, where its slots begin and end. False where there is none in these bytes."""
    at, stop = cursors[side, _END], cursors[side, _STOP]
    before, earlier = cursors[side, _TIER], cursors[side, _START]
    if cursors[side, _LEFT] == 0:
        cursors[side, _TIER] = _NO_TIER
        return bool(at == stop)
    cursors[side, _LEFT] -= 1
    cursors[side, _AT] = at
    tier, at = number(data, at, stop)
    start, at = signed(data, at, stop)
    if at > stop or tier < max(before, 0) or tier >= len(tiers) or (tier == before and start <= earlier):
        return False
    cursors[side, _TIER], cursors[side, _START], cursors[side, _BODY] = tier, start, at
    for s in range(tiers[tier, 1], tiers[tier, 2]):
        at = past(data, at, stop, slots, s, start, tiers[tier, 0], cursors[2])
        if at > stop:
            return False
    cursors[side, _END] = at
    return True


@bare
def _side(cursors: Ints) -> int:
    """Whose tile comes first: 0, 1, or 2 for a tile that both have."""
    x, y = cursors[0, _TIER], cursors[1, _TIER]
    if x == y:
        x, y = cursors[0, _START], cursors[1, _START]
        if cursors[0, _TIER] == _NO_TIER:
            return 2
    return 0 if x < y else 1 if x > y else 2


@bare
def _need(cursors: Ints, side: int) -> int:
    return int(cursors[side, _END] - cursors[side, _AT])


@inlined
def merged(
    out: Bytes,
    at: int,
    data: Bytes,
    cursors: Ints,
    tiers: Ints,
    slots: Ints,
    oldest: Ints,
    limbs: Ints,
    spans: Ints,
    work: Ints,
) -> tuple[Bytes, int, int]:
    """The buffer with the tiles of both cursors from `at` on, where they end, and how many; -1 where one is damaged.

    Behind the tiles is room for a seal. `work` has room for LIMBS.
    """
    tiles = 0
    while min(cursors[0, _TIER], cursors[1, _TIER]) < _NO_TIER:
        side = _side(cursors)
        mine = side & 1
        tier = cursors[mine, _TIER]
        if cursors[mine, _START] >= oldest[tier]:
            tiles += 1
            if side < 2:
                out = room(out, at, _need(cursors, mine) + SEAL)
                at = copy(out, at, data, cursors[mine, _AT], cursors[mine, _END])
            else:
                extra = wanted(slots, tiers[tier, 1], tiers[tier, 2])
                out = room(out, at, _need(cursors, 0) + _need(cursors, 1) + extra + SEAL)
                at = put_tile(out, at, tier, cursors[0, _START])
                a, b = cursors[0, _BODY], cursors[1, _BODY]
                for s in range(tiers[tier, 1], tiers[tier, 2]):
                    a, b, at = combine(data, a, b, out, at, slots, s, limbs, spans, work)
        if side != 1 and not _advance(data, cursors, 0, tiers, slots):
            return out, at, -1
        if side != 0 and not _advance(data, cursors, 1, tiers, slots):
            return out, at, -1
    return out, at, tiles


@compiled(_STATES(BYTES, BITS, BITS, GRID, GRID, GRID, BITS))
def merge_states(
    data: Bytes, sizes: Ints, which: Ints, plans: Ints, all_tiers: Ints, slots: Ints, all_oldest: Ints
) -> tuple[Bytes, Ints, int]:
    """States without checksums: their bytes, where each begins and ends, and the first damaged pair or -1.

    `sizes` are those of the states in `data`, two for a pair; `which` is the plan of each pair; `all_oldest` as in
    `build_states`, for the tiers of all plans.
    """
    ends, cursors = np.empty((len(sizes) // 2, 2), np.int64), np.zeros((3, 8), np.int64)
    limbs, spans, work = np.zeros((2, LIMBS), np.int64), np.empty((2, 2), np.int64), np.empty(LIMBS, np.int64)
    spans[:, 0], spans[:, 1] = 1 << 20, -1
    out = np.empty(len(data) + 256, np.uint8)
    at = stop = 0
    for pair in range(len(ends)):
        out = room(out, at, HEAD + SEAL)
        at += HEAD
        begin, tiles = at, -1
        fingerprint, first, last = plans[which[pair], 0], plans[which[pair], 1], plans[which[pair], 2]
        tiers, oldest = all_tiers[first:last], all_oldest[first:last]
        good = True
        for side in range(2):
            start, stop = stop, stop + sizes[2 * pair + side]
            good = good and opened(data, cursors, side, start, stop, fingerprint, tiers, slots)
        if good:
            out, at, tiles = merged(out, at, data, cursors, tiers, slots, oldest, limbs, spans, work)
        if tiles < 0:
            return out, ends, pair
        ends[pair, 0], ends[pair, 1] = put_header(out, begin, fingerprint, tiles), at
        at += SEAL
    return out, ends, -1
