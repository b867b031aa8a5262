"""How often a token may ask: a bucket that fills steadily and holds what a second brings."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Rates"]


class Rates:
    """A bucket for each token. Safe for threads.

    Parameters:
        monotonic — seconds that never go back.
        share — the part of a token's rate that this process may admit: 1 / the number of server processes.

    Examples:
        >>> now = [0.0]
        >>> rates = Rates(lambda: now[0])
        >>> [rates.wait_s("a", 2.0) for _ in range(3)]
        [0.0, 0.0, 0.5]
        >>> now[0] = 0.5
        >>> rates.wait_s("a", 2.0)
        0.0
    """

    def __init__(self, monotonic: Callable[[], float], *, share: float = 1.0) -> None:
        self._monotonic, self._share = monotonic, share
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, id: str, per_second: float) -> float:
        """0 where one more is admitted, and counted; else the seconds until one is."""
        rate = per_second * self._share
        with self._lock:
            now = self._monotonic()
            full = max(1.0, rate)
            held, at = self._buckets.get(id, (full, now))
            held = min(full, held + (now - at) * rate)
            admitted = held >= 1.0
            self._buckets[id] = (held - admitted, now)
        return 0.0 if admitted else (1.0 - held) / rate

    def keep(self, ids: set[str]) -> None:
        """Buckets of other tokens are forgotten."""
        with self._lock:
            self._buckets = {id: bucket for id, bucket in self._buckets.items() if id in ids}
