"""Values as of instants, from states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gapless.errors import CorruptData
from gapless.windows.batch import Bools, Floats, Ints
from gapless.windows.codec import Value
from gapless.windows.states.plan import Kind, StatePlan
from gapless.windows.tiles import Tiles

__all__ = ["StateRead", "StateReader"]


@dataclass(frozen=True)
class StateRead:
    """A row per instant, a column per value; columns of plan 0 first, in the order of its specs.

    Parameters:
        numbers — float64 [row, column]; bools as 0.0 and 1.0; 0.0 where null, and in columns of text.
        valid — False where the value is null.
        texts — the columns of text: a string or None per row.
    """

    numbers: Floats
    valid: Bools
    texts: Mapping[int, list[str | None]] = field(default_factory=dict)

    @property
    def ints(self) -> Ints:
        """The same memory as int64 [row, column]: right in the columns of instants, and only there."""
        return self.numbers.view(np.int64)


class StateReader:
    """Reads the states of several plans at once: all that one request needs.

    Parameters:
        plans — one for each state of a row.

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

    def read(self, states: Sequence[bytes | None], at: Ints, *, damaged: list[int] | None = None) -> StateRead:
        """Every column as of every instant; the same bits as `Tiles.read`.

        Parameters:
            states — row by row, one per plan; None or b"" is a key without events.
            at — int64 microseconds, one per row; every event in the row's states must be visible by then.
            damaged — takes the places of states that are not what was written; their columns are null.

        Raises: CorruptData for a damaged state where `damaged` is not given; `seen` is its place.
        """
        rows: list[list[Value | None]] = []
        places: list[int] = []
        for row, instant in enumerate(at.tolist()):
            rows.append([])
            for number, plan in enumerate(self.plans):
                place = row * len(self.plans) + number
                try:
                    rows[-1] += _read(plan, states[place], instant)
                except CorruptData:
                    places.append(place)
                    rows[-1] += [None] * plan.width
        if places and damaged is None:
            raise CorruptData("not the state of a key", seen=places[0], next_step="materialize its view again")
        if damaged is not None:
            damaged += places
        return self._columns(rows)

    def _columns(self, rows: list[list[Value | None]]) -> StateRead:
        numbers = np.zeros((len(rows), len(self.results)))
        valid = np.array([[value is not None for value in row] for row in rows], np.bool_).reshape(numbers.shape)
        texts: dict[int, list[str | None]] = {i: [] for i, kind in enumerate(self.results) if kind == "text"}
        read = StateRead(numbers, valid, texts)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                if j in texts:
                    texts[j].append(value)  # type: ignore[arg-type]
                elif value is not None:
                    (read.ints if self.results[j] == "int" else numbers)[i, j] = value
        return read


def _read(plan: StatePlan, state: bytes | None, at_us: int) -> list[Value | None]:
    tiles = Tiles.from_bytes(plan.tiles, state) if state else plan.tiles.empty()
    return [value for values in tiles.read(at_us) for value in values]
