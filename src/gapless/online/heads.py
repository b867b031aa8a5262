"""What stands before the tiles of records, of many records at once and in compiled code: see `online.record`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gapless.clock import HOUR
from gapless.online.record import HEAD_BYTES, HEAD_SIZE, RECORD_VERSION
from gapless.windows.jit import BITS, INT, compiled, digest, types
from gapless.windows.states import kernels
from gapless.windows.states.checking import crc32
from gapless.windows.states.kernels import BYTES
from gapless.windows.states.words import PADDING, load, load_byte, store, store_byte
from gapless.windows.window import BEGINNING

__all__ = ["FILES", "NEVER", "Heads", "heads_of", "oldest_kept", "put_heads"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

FILES = ("jit", *(f"states/{name}" for name in kernels.FILES), "../online/heads", "../online/record")
_VERSION = digest(FILES)
_OUT = types.int64[:, ::1]
_VIEW = types.Array(types.int64, 2, "C", readonly=True)
_NONE = -1
_POSITION, _NEWEST, _WAITING, _CHANGES, _STATE, _STOP = range(6)
_U32 = (1 << 32) - 1
NEVER = 2**63 - 1
"""Later than any instant."""


@dataclass(frozen=True)
class Heads:
    """Of records in one buffer, a row per key; a key without a record is one without events, at position 0.

    Parameters:
        data — uint8: the records after one another.
        position, newest_us — as in `Record`.
        waiting — how many bytes of pending events there are; they stand before the tiles.
        changes_us — the first instant at which one of them is visible; NEVER where there is none.
        start, stop — where the tiles are.
    """

    data: Bytes
    position: Ints
    newest_us: Ints
    waiting: Ints
    changes_us: Ints
    start: Ints
    stop: Ints

    def take(self, rows: Ints) -> Heads:
        """Those of some keys, in the same buffer."""
        columns = self.position, self.newest_us, self.waiting, self.changes_us, self.start, self.stop
        return Heads(self.data, *(column[rows] for column in columns))


def heads_of(records: Sequence[bytes | None]) -> Heads | int:
    """The heads of all records, or the place of the first record that `unpack` refuses."""
    sizes = np.array([_NONE if each is None else len(each) for each in records], np.int64)
    data = np.frombuffer(b"".join([*filter(None, records), bytes(PADDING)]), np.uint8)
    columns, damaged = _read_heads(data, sizes)
    return damaged if damaged >= 0 else Heads(data, *columns)


def oldest_kept(newest_us: Ints) -> Ints:
    """`oldest_kept_us` of each."""
    return np.where(newest_us < BEGINNING + HOUR, BEGINNING, newest_us // HOUR * HOUR)


def put_heads(out: Bytes, state: Ints, old: Heads, newest_us: Ints, position: int) -> None:
    """Before each state, which begins at these places, the head of its record and the pending events that it had."""
    _write_heads(out, state, old.data, np.column_stack([newest_us, old.waiting, old.start]), position)


@compiled(types.Tuple((_OUT, INT))(BYTES, BITS), _VERSION)
def _read_heads(data: Bytes, sizes: Ints) -> tuple[Ints, int]:
    """Columns of `Heads`, and the first record that is damaged or -1."""
    columns = np.zeros((6, len(sizes)), np.int64)
    columns[_NEWEST], columns[_CHANGES] = BEGINNING, NEVER
    stop = 0
    for i in range(len(sizes)):
        at, stop = stop, stop + max(sizes[i], 0)
        columns[_STATE, i] = columns[_STOP, i] = stop
        if sizes[i] < 0:
            continue
        if sizes[i] < HEAD_BYTES:
            return columns, i
        waiting, check = load(data, at + HEAD_SIZE - 4) & _U32, load(data, at + HEAD_SIZE) & _U32
        state = min(at + HEAD_BYTES + waiting, stop)
        found = crc32(data, at + HEAD_BYTES, state, crc32(data, at, at + HEAD_SIZE, 0))
        if found != check or load_byte(data, at) != RECORD_VERSION:
            return columns, i
        columns[_NEWEST, i], columns[_POSITION, i] = load(data, at + 1), load(data, at + 9)
        columns[_WAITING, i], columns[_STATE, i] = state - at - HEAD_BYTES, state
        if waiting:
            columns[_CHANGES, i] = load(data, at + HEAD_BYTES)
    return columns, -1


@compiled(types.void(types.uint8[::1], BITS, BYTES, _VIEW, INT), _VERSION)
def _write_heads(out: Bytes, state: Ints, data: Bytes, columns: Ints, position: int) -> None:
    for i in range(len(state)):
        newest, waiting, end = columns[i, 0], columns[i, 1], columns[i, 2]
        at = state[i] - HEAD_BYTES - waiting
        store_byte(out, at, RECORD_VERSION)
        store(out, at + 1, newest)
        store(out, at + 9, position)
        for k in range(4):
            store_byte(out, at + 17 + k, waiting >> 8 * k)
        for k in range(waiting):
            store_byte(out, at + HEAD_BYTES + k, load_byte(data, end - waiting + k))
        check = crc32(out, at + HEAD_BYTES, state[i], crc32(out, at, at + HEAD_SIZE, 0))
        for k in range(4):
            store_byte(out, at + HEAD_SIZE + k, check >> 8 * k)
