"""Random small histories: ties, nulls, late rows, signed zeros, huge, tiny and cancelling values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gapless.windows import FUNCTIONS, Column, Events, Input, Queries, Spec, Window

ORDINARY = (0.0, -0.0, 1.0, -1.0, 15.0, 0.1, -12.34, 2.5, 1e-3)
EXTREME = (1e300, -1e300, 1e16, -1e16, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e-170, 1e154)
WINDOWS = (Window(None, 0), Window(7, 0), Window(20, 0), Window(10, 5), Window(30, 7), Window(3, 10))


@dataclass(frozen=True)
class Row:
    """One event of a history: an entry per input, None for null."""

    key: int
    event_time: int
    known_at: int
    offset: int
    values: tuple[float | int | None, ...]

    @property
    def visible_from(self) -> int:
        return max(self.event_time + 1, self.known_at)

    @property
    def order(self) -> tuple[int, int, int]:
        return self.event_time, self.known_at, self.offset


def history(seed: int, key: int) -> list[Row]:
    """Up to a dozen events of one key; inputs are a float, a bool as a float, and an opaque code."""
    rng = random.Random(seed)
    pool = rng.choice([ORDINARY, ORDINARY[:5], EXTREME, ORDINARY + EXTREME, (0.0, -0.0)])
    late = rng.choice([0, 0, 3, 30])
    span = rng.choice([3, 20, 60])
    return [_row(rng, key, offset, pool, late, span) for offset in range(rng.randrange(13))]


def _row(rng: random.Random, key: int, offset: int, pool: Sequence[float], late: int, span: int) -> Row:
    event_time = rng.randrange(-span // 2, span)
    known_at = event_time + rng.randrange(late + 1)
    number = rng.choice(pool) * rng.choice([1.0, 1.0, -1.0]) if rng.random() < 0.8 else rng.uniform(-2, 2)
    values = (number, float(rng.random() < 0.5), rng.choice([-(2**63), 2**63 - 1, 0, 7, 7]))
    return Row(key, event_time, known_at, offset, tuple(v if rng.random() < 0.8 else None for v in values))


def events_of(rows: Sequence[Row]) -> Events:
    """The rows as sorted columns. What stands under a null is not a number that a kernel may look at."""
    rows = sorted(rows, key=lambda row: (row.key, row.order))
    ints = [np.array([getattr(row, name) for row in rows], np.int64) for name in ("key", "event_time", "visible_from")]
    inputs = (_input(rows, 0, np.float64, np.nan), _input(rows, 1, np.float64, np.inf), _input(rows, 2, np.int64, 99))
    return Events(*ints, inputs)


def _input(rows: Sequence[Row], place: int, dtype: type, null: float) -> Input:
    values = [row.values[place] for row in rows]
    filled = np.array([null if value is None else value for value in values], dtype)
    return Input(filled, np.array([value is not None for value in values], np.bool_))


def queries_of(pairs: Sequence[tuple[int, int]]) -> Queries:
    key, at = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return Queries(np.ascontiguousarray(key), np.ascontiguousarray(at))


def all_specs(windows: Sequence[Window] = WINDOWS) -> list[Spec]:
    """Every function over every window, on every kind of input that it accepts."""
    specs = [Spec("count", None, window) for window in windows]
    for name, function in FUNCTIONS.items():
        inputs = {"float": 0, "bool": 1, "opaque": 2}
        wanted = [inputs[kind] for kind in sorted(function.accepts)]
        specs += [Spec(name, each, window, 3 if name == "last_n" else 1) for each in wanted for window in windows]
    return specs


def same_bits(left: Sequence[tuple[Column, ...]], right: Sequence[tuple[Column, ...]]) -> bool:
    """Whether values, their types and what is valid are equal to the bit."""
    return [_bits(columns) for columns in left] == [_bits(columns) for columns in right]


def _bits(columns: tuple[Column, ...]) -> list[tuple[str, bytes, bytes]]:
    return [(column.values.dtype.str, column.values.tobytes(), column.valid.tobytes()) for column in columns]
