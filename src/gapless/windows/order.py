"""Sorting events: by key, then by time."""

from __future__ import annotations

import numpy as np

from gapless.windows.batch import Ints

__all__ = ["time_order"]


def time_order(key: Ints, event_time: Ints, known_at: Ints) -> Ints:
    """The permutation that sorts rows by (key, event_time, known_at, position)."""
    return np.lexsort((known_at, event_time, key))
