"""Windowed aggregations: what they mean, one exact kernel for whole histories, tiles for one key at a time.

`Window`, `Spec`, `FUNCTIONS` and the algebra are plain Python. Everything that needs NumPy or numba is loaded when it
is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gapless.windows.functions import FUNCTIONS, Aggregation
from gapless.windows.window import Spec, Window, default_hop_us

if TYPE_CHECKING:
    from gapless.windows.batch import Column, Events, Input, Queries
    from gapless.windows.kernel import aggregate
    from gapless.windows.order import time_order

__all__ = [
    "FUNCTIONS",
    "Aggregation",
    "Column",
    "Events",
    "Input",
    "Queries",
    "Spec",
    "Window",
    "aggregate",
    "default_hop_us",
    "time_order",
]

_LAZY = {
    "Column": "batch",
    "Events": "batch",
    "Input": "batch",
    "Queries": "batch",
    "aggregate": "kernel",
    "time_order": "order",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
