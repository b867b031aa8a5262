"""Medians of many calls. Standard library only: it also runs in the environments of the rivals."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["medians"]


def medians(
    read: Callable[[list[str]], Any], keys: Sequence[str], sizes: Sequence[int], seconds: float
) -> dict[str, float]:
    """µs of one call by how many keys it asks for, each call with other keys than the last."""
    return {str(size): _median(read, keys, size, seconds) for size in sizes}


def _median(read: Callable[[list[str]], Any], keys: Sequence[str], size: int, seconds: float) -> float:
    took = []
    place = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(took) < 5:
        place = (place + size) % max(len(keys) - size, 1)
        asked = list(keys[place : place + size])
        start = time.perf_counter()
        read(asked)
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e6
