"""The one entry to the kernels: what `aggregate` gives is the same bits whichever of them runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

import numpy as np

from gapless.errors import BugError, TypeMismatch
from gapless.windows.batch import Column, Events, Input, Queries
from gapless.windows.functions import FUNCTIONS
from gapless.windows.window import Spec

__all__ = ["Kernel", "aggregate"]

Kernel = Literal["auto", "numba", "numpy", "naive"]
Columns = list[tuple[Column, ...]]

_MODULES = {"numba": "compiled", "numpy": "vectorized", "naive": "oracle"}


def aggregate(events: Events, queries: Queries, specs: Sequence[Spec], *, kernel: Kernel = "auto") -> Columns:
    """Every spec as of every query: over events of its key with event_time >= lower(at) and visible_from <= at.

    Parameters:
        events — sorted by (key, event_time, known_at, offset).
        queries — sorted by (key, at).
        specs — what to compute; those that share an input and a window share the work.
        kernel — "numba" (the fast one), "numpy" (needs no compiler; reads every event of every window), "naive" (plain
            Python, the oracle); "auto" is numba where it is installed. The choice never changes a bit.

    Returns: per spec a tuple of one Column, or of n for last_n (most recent first), each as long as the queries.
    Raises: TypeMismatch for a function that does not take the kind of its input; BugError where events or queries are
        not sorted, an event is visible at its own event time, or a valid value is not finite.
    Guarantees: pure, deterministic, single thread; inputs are not written to.
    Cost: numba: O(events + queries * windows) with a small factor, O(log n) per event of keys whose rows become known
        out of order; memory is the results and buffers of the size of the largest key.

    Examples:
        >>> from gapless.windows import Window
        >>> ints = lambda *numbers: np.array(numbers, np.int64)
        >>> values = Input(np.array([1.5, 0.0, 2.5]), np.array([True, False, True]))
        >>> events = Events(ints(7, 7, 7), ints(100, 100, 200), ints(101, 240, 201), (values,))
        >>> queries = Queries(ints(7, 7, 8), ints(150, 300, 300))
        >>> [(total,)] = aggregate(events, queries, [Spec("sum", 0, Window(None, 0))])
        >>> total.values.tolist(), total.valid.tolist()
        ([1.5, 4.0, 0.0], [True, True, False])
    """
    _check_specs(events.inputs, specs)
    _check_events(events)
    _check_sorted("queries", queries.key, queries.at)
    run: Callable[[Events, Queries, Sequence[Spec]], Columns]
    run = import_module(f"gapless.windows.{_MODULES[_chosen(kernel)]}").run
    return run(events, queries, specs)


def _chosen(kernel: Kernel) -> str:
    if kernel == "auto":
        return "numba" if find_spec("gapless.windows.compiled") and find_spec("numba") else "numpy"
    return kernel


def _check_specs(inputs: tuple[Input, ...], specs: Sequence[Spec]) -> None:
    for spec in specs:
        if spec.input is None:
            continue
        if not 0 <= spec.input < len(inputs):
            raise BugError("no such input", seen=spec)
        accepts = FUNCTIONS[spec.function].accepts
        if inputs[spec.input].opaque and "opaque" not in accepts:
            raise TypeMismatch(
                f"{spec.function} needs numbers", seen="an opaque input", allowed=" or ".join(sorted(accepts))
            )


_BLOCK = 1 << 20  # rows checked at a time: keeps the masks small


def _blocks(length: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, length, _BLOCK)]


def _check_events(events: Events) -> None:
    _check_sorted("events", events.key, events.event_time)
    for rows in _blocks(len(events)):
        if (events.visible_from[rows] <= events.event_time[rows]).any():
            raise BugError("an event is visible at its own event time", seen=rows)
    for each in events.inputs:
        if not each.opaque:
            _check_finite(each)


def _check_finite(each: Input) -> None:
    for rows in _blocks(len(each.valid)):
        if not np.isfinite(each.values[rows]).all(where=each.valid[rows]):
            raise BugError("a valid value is not finite", seen=rows)


def _check_sorted(what: str, key: np.ndarray, time: np.ndarray) -> None:
    for rows in _blocks(len(key)):
        here, after = slice(rows.start, rows.stop), slice(rows.start + 1, rows.stop + 1)
        keys, times = key[after], time[after]
        before, earlier = key[here][: len(keys)], time[here][: len(keys)]
        if ((before > keys) | ((before == keys) & (earlier > times))).any():
            raise BugError(f"{what} are not sorted by key and time", seen=rows)
