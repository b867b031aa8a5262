"""`time_order` is a stable sort, whatever order rows come in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.windows import time_order
from gapless.windows.batch import Ints

ROWS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-5, 5), st.integers(-2, 2)), max_size=60)


def columns(rows: list[tuple[int, int, int]]) -> list[Ints]:
    return [np.array([row[place] for row in rows], np.int64) for place in range(3)]


@given(rows=ROWS)
def test_it_is_pythons_sort(rows: list[tuple[int, int, int]]) -> None:
    wanted = sorted(range(len(rows)), key=lambda row: rows[row])
    assert time_order(*columns(rows)).tolist() == wanted
    assert time_order(*columns(rows), kernel="numpy").tolist() == wanted


@given(rows=ROWS)
def test_sparse_codes_and_the_ends_of_int64(rows: list[tuple[int, int, int]]) -> None:
    far = [(key * 2**61, time * 2**60, known * 2**61) for key, time, known in rows]
    assert time_order(*columns(far)).tolist() == sorted(range(len(far)), key=lambda row: far[row])


@pytest.mark.parametrize("shape", ["sorted", "reversed", "jitter", "few late", "shuffled", "equal"])
@pytest.mark.parametrize("keys", [1, 7, 3_000])
def test_long_inputs_of_every_shape(shape: str, keys: int) -> None:
    rng = np.random.default_rng(keys)
    time = np.arange(20_000) // 3
    time = {
        "sorted": time,
        "reversed": time[::-1].copy(),
        "jitter": time - rng.integers(0, 40, len(time)),
        "few late": time - np.where(rng.random(len(time)) < 0.01, rng.integers(0, 5_000, len(time)), 0),
        "shuffled": rng.permutation(time),
        "equal": np.zeros_like(time),
    }[shape]
    key, known = rng.integers(0, keys, len(time)), time + rng.integers(0, 3, len(time))
    assert np.array_equal(time_order(key, time, known), np.lexsort((known, time, key)))


def test_the_result_is_int64_and_read_only_columns_do() -> None:
    key = np.zeros(3, np.int64)
    key.flags.writeable = False
    order = time_order(key, key, key)
    assert order.dtype == np.int64
    assert order.tolist() == [0, 1, 2]
