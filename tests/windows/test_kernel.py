"""The kernels on what small histories lack: long keys, deep late rows, borrowed arrays, input that must be refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from gapless.errors import BugError, TypeMismatch
from gapless.windows import Column, Events, Input, Queries, Spec, Window, aggregate
from gapless.windows.batch import Ints
from tests.windows.histories import all_specs, events_of, history, queries_of, same_bits

FOREVER = Window(None, 0)


def ints(*numbers: int) -> Ints:
    return np.array(numbers, np.int64)


def long_history(seed: int, rows: int, late: int, keys: int) -> tuple[Events, Queries]:
    """Some long keys; `late` is the largest delay until a row is visible, 0 for none."""
    rng = np.random.default_rng(seed)
    key = np.sort(rng.integers(0, keys, rows))
    time = rng.integers(0, 3_000, rows)
    time = time[np.lexsort((time, key))]
    numbers = rng.choice([0.0, -0.0, 1.5, 0.1, 1e12, -3.0], rows) * rng.integers(-4, 5, rows)
    inputs = (
        Input(numbers, rng.random(rows) < 0.9),
        Input((rng.random(rows) < 0.5).astype(np.float64), rng.random(rows) < 0.9),
        Input(rng.integers(-40, 40, rows), rng.random(rows) < 0.9),
    )
    asked = np.sort(rng.integers(0, keys + 1, 120))
    at = rng.integers(-50, 3_600, 120)
    visible = time + 1 + (rng.integers(0, late + 1, rows) if late else 0)
    return Events(key, time, visible, inputs), Queries(asked, at[np.lexsort((at, asked))])


@pytest.mark.parametrize("late", [0, 1, 40, 5_000])
@pytest.mark.parametrize("keys", [1, 3, 40])
def test_long_keys_agree_with_the_oracle_however_late_their_rows(late: int, keys: int) -> None:
    events, queries = long_history(late + keys, 900, late, keys)
    specs = all_specs([FOREVER, Window(100, 0), Window(900, 60), Window(5, 50)])
    naive = aggregate(events, queries, specs, kernel="naive")
    assert same_bits(naive, aggregate(events, queries, specs, kernel="numba"))
    assert same_bits(naive, aggregate(events, queries, specs, kernel="numpy"))


@pytest.mark.parametrize("kernel", ["numba", "numpy", "naive"])
def test_no_events_or_no_queries(kernel: Any) -> None:
    specs = all_specs([FOREVER, Window(10, 5)])
    nothing = aggregate(events_of([]), queries_of([]), specs, kernel=kernel)
    assert all(len(column.values) == len(column.valid) == 0 for columns in nothing for column in columns)
    empty = aggregate(events_of([]), queries_of([(1, 5), (2, 5)]), specs, kernel=kernel)
    counted = [spec.function in ("count", "n_unique") for spec in specs]
    assert [columns[0].valid.tolist() == [True, True] for columns in empty] == counted
    assert not any(column.values.any() for columns in empty for column in columns)


@pytest.mark.parametrize("kernel", ["numba", "numpy", "naive"])
def test_the_edges_of_a_window(kernel: Any) -> None:
    """event_time = lower is inside, event_time = t is not; a row counts from the instant it is known, not before."""
    events = Events(ints(1, 1, 1), ints(0, 10, 10), ints(1, 11, 30))
    queries = Queries(ints(1, 1, 1, 1, 1, 1), ints(0, 1, 10, 11, 29, 30))
    forever, exact = aggregate(
        events, queries, [Spec("count", None, FOREVER), Spec("count", None, Window(10, 0))], kernel=kernel
    )
    assert forever[0].values.tolist() == [0, 1, 1, 2, 2, 3]
    assert exact[0].values.tolist() == [0, 1, 1, 1, 0, 0]


def test_results_come_in_the_order_of_the_specs_and_repeat_where_these_do() -> None:
    rows = [row for key in range(20) for row in history(key, key)]
    events, queries = events_of(rows), queries_of([(key, 40) for key in range(20)])
    specs = random.Random(1).sample(all_specs(), 60) * 2
    together = aggregate(events, queries, specs)
    alone = [aggregate(events, queries, [spec])[0] for spec in specs]
    assert same_bits(together, alone)


def test_borrowed_arrays_may_be_read_only_or_strided_and_are_not_written_to() -> None:
    events, queries = long_history(9, 300, 20, 3)
    specs = all_specs([FOREVER, Window(900, 60)])
    wanted = aggregate(events, queries, specs)
    arrays = [events.key, events.event_time, events.visible_from, queries.key, queries.at]
    before = [array.tobytes() for array in arrays]
    inputs = tuple(Input(strided(each.values), strided(each.valid)) for each in events.inputs)
    lent = Events(strided(events.key), strided(events.event_time), strided(events.visible_from), inputs)
    for kernel in ("numba", "numpy", "naive"):
        asked = Queries(strided(queries.key), strided(queries.at))
        assert same_bits(wanted, aggregate(lent, asked, specs, kernel=kernel))
    assert [array.tobytes() for array in arrays] == before


def strided(array: np.ndarray[Any, Any]) -> Any:
    """The same values, every second place of a read-only array."""
    wide = np.repeat(array, 2)
    wide.flags.writeable = False
    return wide[::2]


def good() -> dict[str, Any]:
    values = Input(np.array([1.0, np.nan]), np.array([True, False]))
    return {"key": ints(1, 1), "event_time": ints(5, 6), "visible_from": ints(6, 7), "inputs": (values,)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": ints(2, 1)}, "not sorted"),
        ({"event_time": ints(6, 5), "visible_from": ints(7, 7)}, "not sorted"),
        ({"visible_from": ints(6, 6)}, "visible at its own event time"),
        ({"inputs": (Input(np.array([1.0, np.inf]), np.ones(2, np.bool_)),)}, "not finite"),
        ({"inputs": (Input(np.array([1.0]), np.ones(1, np.bool_)),)}, "different lengths"),
        ({"key": np.array([1.0, 1.0])}, "int64"),
    ],
)
def test_events_that_break_the_contract_are_refused(change: dict[str, Any], message: str) -> None:
    queries = Queries(ints(1), ints(9))
    assert aggregate(Events(**good()), queries, [Spec("sum", 0, FOREVER)])[0][0].values.tolist() == [1.0]
    with pytest.raises(BugError, match=message):
        aggregate(Events(**(good() | change)), queries, [Spec("sum", 0, FOREVER)])


def test_queries_and_specs_that_break_the_contract_are_refused() -> None:
    events = Events(**good())
    with pytest.raises(BugError, match="queries are not sorted"):
        aggregate(events, Queries(ints(1, 1), ints(9, 8)), [])
    with pytest.raises(BugError, match="no such input"):
        aggregate(events, Queries(ints(1), ints(9)), [Spec("sum", 1, FOREVER)])
    with pytest.raises(BugError, match="another type"):
        Input(np.array([True]), np.array([True]))


def test_an_opaque_input_is_compared_and_never_added_up() -> None:
    codes = Input(ints(4, 9), np.ones(2, np.bool_))
    events = Events(ints(1, 1), ints(5, 6), ints(6, 7), (codes,))
    queries = Queries(ints(1), ints(9))
    [(last,)] = aggregate(events, queries, [Spec("last", 0, FOREVER)])
    assert last.values.dtype == np.int64
    assert last.values.tolist() == [9]
    with pytest.raises(TypeMismatch, match="sum needs numbers"):
        aggregate(events, queries, [Spec("sum", 0, FOREVER)])


def test_negative_zero_is_below_zero_and_no_value_of_its_own() -> None:
    values = Input(np.array([0.0, -0.0, 0.0]), np.ones(3, np.bool_))
    events = Events(ints(1, 1, 1), ints(1, 2, 3), ints(2, 3, 4), (values,))
    functions = ["min", "max", "n_unique", "last"]
    results: list[tuple[Column, ...]] = aggregate(
        events, Queries(ints(1), ints(9)), [Spec(function, 0, FOREVER) for function in functions]
    )
    assert [str(columns[0].values[0]) for columns in results] == ["-0.0", "0.0", "1.0", "0.0"]


def test_the_numpy_kernel_works_in_chunks() -> None:
    """More pairs of query and event than one chunk holds."""
    events, queries = long_history(4, 12_000, 10, 1)
    specs = [Spec(function, 0, FOREVER) for function in ("count", "sum", "max", "last", "n_unique")]
    assert same_bits(aggregate(events, queries, specs, kernel="numpy"), aggregate(events, queries, specs))
