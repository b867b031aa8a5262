"""The kernel of reads: states of many rows to columns, in one call."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Bools, Ints
from gapless.windows.jit import BITS, INT, OUT, OUT_FLAGS, inlined, types
from gapless.windows.states.finishing import finish, fold, room_for_members, tidy
from gapless.windows.states.kernels import BYTES, GRID, LIMBS, SEAL, compiled
from gapless.windows.states.scanning import clear, header, lower_bounds, scan
from gapless.windows.states.words import Bytes

__all__ = ["read_states"]


@inlined
def _larger(table: Ints, rows: int, columns: int) -> Ints:
    return table if rows <= len(table) else np.empty((2 * rows, columns), np.int64)


@compiled(INT(BYTES, types.int64[::1], BITS, GRID, GRID, GRID, GRID, GRID, BITS, OUT, OUT_FLAGS, OUT))
def read_states(
    data: Bytes,
    sizes: Ints,
    at: Ints,
    plans: Ints,
    tiers: Ints,
    slots: Ints,
    windows: Ints,
    specs: Ints,
    scratch: Ints,
    out: Ints,
    valid: Bools,
    lengths: Ints,
) -> int:
    """Fill the bits, validity and text lengths [row, column]; gives how many states are damaged.

    `sizes` are those of the states in `data`, row by row; -1 is written for a damaged one, and skips one that is known
    to be damaged. Checksums are not looked at.
    """
    cells, limbs = np.empty(scratch[0], np.int64), np.zeros((scratch[1], LIMBS), np.int64)
    spans, lowers = np.empty((scratch[1], 2), np.int64), np.empty(len(windows), np.int64)
    digits, runs, table = np.empty((3, 336), np.int64), np.empty((0, 4), np.int64), np.empty((0, 3), np.int64)
    start, damaged = 0, 0
    for row in range(len(at)):
        lower_bounds(windows, 0, len(windows), at[row], lowers)
        for p in range(len(plans)):
            place = row * len(plans) + p
            size = sizes[place]
            stop = start + max(size, 0)
            clear(slots, plans[p, 7], plans[p, 8], cells, spans)
            used, end = 0, stop - SEAL
            if size > 0:
                tiles, first = header(data, start, end, plans[p, 0])
                runs = _larger(runs, tiles * plans[p, 9], 4) if first <= end else runs
                used = scan(
                    data, first, end, tiles, plans[p, 1], plans[p, 2], tiers, slots, lowers, cells, limbs, spans, runs
                )
            if used > 0:
                table = _larger(table, room_for_members(runs[:used], len(slots)), 3)
            good = size >= 0 and used >= 0
            if good:
                for s in range(plans[p, 7], plans[p, 8]):
                    fold(data, end, slots, s, cells, limbs, spans, runs[:used], table)
                column = plans[p, 5]
                for c in range(plans[p, 3], plans[p, 4]):
                    good &= finish(specs, c, slots, cells, limbs, spans, digits, out, valid, lengths, row, column)
                    column += specs[c, 5]
            tidy(slots, plans[p, 7], plans[p, 8], limbs, spans)
            if not good:
                sizes[place] = -1
                damaged += 1
                out[row, plans[p, 5] : plans[p, 6]] = 0
                valid[row, plans[p, 5] : plans[p, 6]] = False
            start = stop
    return damaged
