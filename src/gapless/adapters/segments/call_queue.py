"""Who writes for all that wait: one of them leads, the others sleep until they are done or have to lead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from gapless.adapters.segments.calls import Call

__all__ = ["CallQueue"]

_WRITE_BYTES = 1 << 23


class CallQueue:
    """Calls of many threads, handed to `write` some at a time, in the order in which they came.

    Whoever is done wakes by itself and takes no part in who leads next: threads that call again at once wait together
    for the next write, and share its sync.

    Parameters:
        write — ends each of the calls that it is given; it is called by one thread at a time.
    """

    def __init__(self, write: Callable[[Sequence[Call]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[Call] = []
        self._leader: Call | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, call: Call) -> None:
        """The call is done."""
        with self._lock:
            self._waiting.append(call)
            leads = self._leader is None
            if leads:
                self._leader = call
        try:
            if not leads:
                call.wait()
            while not call.done:
                self._write(self._taken())
        finally:
            self._leave(call)

    def _taken(self) -> list[Call]:
        with self._lock:
            count = _fitting(self._waiting, _WRITE_BYTES)
            calls, self._waiting = self._waiting[:count], self._waiting[count:]
        return calls

    def _leave(self, call: Call) -> None:
        """Also where its thread was interrupted while it waited, or while it led."""
        with self._lock:
            if not call.done and call in self._waiting:
                self._waiting.remove(call)
            if self._leader is call:
                self._leader = self._waiting[0] if self._waiting else None
                if self._leader is not None:
                    self._leader.wake()


def _fitting(calls: Sequence[Call], limit: int) -> int:
    """How many of the first calls go into one write: at least one."""
    total = 0
    for count, call in enumerate(calls):
        total += sum(len(record.value) for record in call.records)
        if total > limit and count:
            return count
    return len(calls)
