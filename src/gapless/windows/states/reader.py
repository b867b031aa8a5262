"""Values as of instants, from states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from gapless.errors import BugError, CorruptData
from gapless.windows.batch import Bools, Floats, Ints
from gapless.windows.states.plan import Kind, StatePlan
from gapless.windows.states.reading import read_states
from gapless.windows.states.tables import joined
from gapless.windows.states.words import PADDING

__all__ = ["StateRead", "StateReader", "intact"]

_INTACT = 0x2144DF1C  # the CRC-32 of anything that ends with its own CRC-32
_PADDING = bytes(PADDING)
_FEW = 64  # rows that are read at once whatever their size
_BLOCK = 1 << 26  # bytes of states that are copied together at a time


def intact(state: bytes) -> bool:
    """Whether a state has its own checksum."""
    return crc32(state) == _INTACT


@dataclass(frozen=True)
class StateRead:
    """A row per instant, a column per value; columns of plan 0 first, in the order of its specs.

    Parameters:
        numbers — float64 [row, column]; bools as 0.0 and 1.0; 0.0 where null; of no meaning in columns of text.
        valid — False where the value is null.
        texts — the columns of text: a string or None per row.
    """

    numbers: Floats
    valid: Bools
    texts: Mapping[int, list[str | None]]

    @property
    def ints(self) -> Ints:
        """The same memory as int64 [row, column]: right in the columns of instants, and only there."""
        return self.numbers.view(np.int64)


class StateReader:
    """Reads the states of several plans at once: all that one request needs.

    Parameters:
        plans — one for each state of a row; at least one.

    Guarantees: any number of threads may read at once, and most of a read holds no lock of the interpreter.
    Cost: about 15 ns per tile and 30 ns per column, in one call of compiled code.

    Examples:
        >>> from gapless.windows import Spec, Window
        >>> from gapless.windows.tiles import Arrival
        >>> plan = StatePlan((Spec("sum", 0, Window(10, 5)),), ("float",))
        >>> state = plan.tiles.empty().add([Arrival((12, 12, 0), (1.5,)), Arrival((3, 13, 1), (2.5,))]).to_bytes()
        >>> read = StateReader([plan]).read([state, None], np.array([13, 13]))
        >>> read.numbers.tolist(), read.valid.tolist()
        ([[4.0], [0.0]], [[True], [False]])
    """

    def __init__(self, plans: Sequence[StatePlan]) -> None:
        self.plans = tuple(plans)
        self.results: tuple[Kind, ...] = tuple(kind for plan in plans for kind in plan.results)
        self._tables = joined([plan.tables for plan in plans])
        self._texts = [column for column, kind in enumerate(self.results) if kind == "text"]

    def read(self, states: Sequence[bytes | None], at: Ints, *, damaged: list[int] | None = None) -> StateRead:
        """Every column as of every instant; the same bits as `Tiles.read`.

        Parameters:
            states — row by row, one per plan; None or b"" is a key without events.
            at — int64 microseconds, one per row; every event in the row's states must be visible by then.
            damaged — takes the places of states that are not what was written; their columns are null.

        Raises: CorruptData for a damaged state where `damaged` is not given; `seen` is its place.
        """
        width = len(self.plans)
        if len(states) != len(at) * width:
            raise BugError("a state per row and plan", seen=len(states), allowed=str(len(at) * width))
        shape = len(at), len(self.results)
        read = StateRead(np.empty(shape), np.empty(shape, np.bool_), {column: [] for column in self._texts})
        at = np.ascontiguousarray(at, np.int64)
        places: list[int] = []
        if len(at) <= _FEW:
            places = self._fill(states, at, read)
        else:
            for rows in _blocks(states, width, len(at)):
                part = StateRead(read.numbers[rows], read.valid[rows], read.texts)
                found = self._fill(states[rows.start * width : rows.stop * width], at[rows], part)
                places += [rows.start * width + place for place in found]
        if places and damaged is None:
            raise CorruptData("not the state of a key", seen=places[0], next_step="materialize its view again")
        if damaged is not None:
            damaged += places
        return read

    def _fill(self, states: Sequence[bytes | None], at: Ints, read: StateRead) -> list[int]:
        """Fill the rows, append to the texts; gives the places of damaged states."""
        known = [state or b"" for state in states]
        lengths = [len(state) if not state or crc32(state) == _INTACT else -1 for state in known]
        if -1 in lengths:
            known = [state if length >= 0 else b"" for state, length in zip(known, lengths, strict=True)]
        sizes = np.array(lengths, np.int64)
        data = np.frombuffer(b"".join([*known, _PADDING]), np.uint8)
        text_lengths = np.empty(read.valid.shape, np.int64)
        damaged = read_states(data, sizes, at, *self._tables, read.ints, read.valid, text_lengths)
        for column, values in read.texts.items():
            parts = read.ints[:, column], text_lengths[:, column], read.valid[:, column]
            values += _texts(data, *(part.tolist() for part in parts))
        return np.flatnonzero(sizes < 0).tolist() if damaged else []


def _texts(data: NDArray[np.uint8], starts: list[int], lengths: list[int], valid: list[bool]) -> Iterator[str | None]:
    for start, length, some in zip(starts, lengths, valid, strict=True):
        yield data[start : start + length].tobytes().decode() if some else None


def _blocks(states: Sequence[bytes | None], width: int, rows: int) -> Iterator[slice]:
    """Rows whose states are copied together."""
    start = total = 0
    for row in range(rows):
        total += sum(len(state) for state in states[row * width : (row + 1) * width] if state)
        if total > _BLOCK:
            yield slice(start, row + 1)
            start, total = row + 1, 0
    yield slice(start, rows)
