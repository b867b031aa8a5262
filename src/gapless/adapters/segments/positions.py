"""Where in their files records lie, as far as a reader has been there."""

from __future__ import annotations

import threading
from bisect import bisect_right

__all__ = ["Positions"]

_EVERY_BYTES = 1 << 16
_LATEST = 256


class Positions:
    """Offsets at which frames begin, and their bytes: one for each 64 KiB of a file, and those where reads ended.

    Guarantees: safe to share between threads. Whoever reads on from where a read ended is told the very frame.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: dict[int, list[tuple[int, int]]] = {}
        self._latest: dict[tuple[int, int], tuple[int, int]] = {}

    def before(self, segment: int, offset: int) -> tuple[int, int]:
        """An offset at or before this one where a frame begins, and its place in the file of the segment."""
        exact = self._latest.get((segment, offset))
        if exact is not None:
            return exact
        marks = self._marks.get(segment)
        return marks[bisect_right(marks, (offset, 1 << 62)) - 1] if marks else (segment, 0)

    def passed(self, segment: int, offset: int, position: int) -> None:
        """A frame begins there."""
        marks = self._marks.get(segment)
        if marks is None or position >= marks[-1][1] + _EVERY_BYTES:
            with self._lock:
                marks = self._marks.setdefault(segment, [(segment, 0)])
                if position >= marks[-1][1] + _EVERY_BYTES:
                    marks.append((offset, position))

    def ended(self, segment: int, offset: int, frame: tuple[int, int]) -> None:
        """A read ended before the record with this offset, which is in that frame: its first offset, its place."""
        with self._lock:
            if len(self._latest) >= _LATEST:
                self._latest.clear()
            self._latest[segment, offset] = frame

    def forget(self, before: int) -> None:
        """Segments with a smaller base are gone."""
        with self._lock:
            self._marks = {base: marks for base, marks in self._marks.items() if base >= before}
