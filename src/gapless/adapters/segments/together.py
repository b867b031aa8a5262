"""Together: calls that wait for the disk run at once, since disks take many syncs in little more time than one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

__all__ = ["Together"]

_THREADS = 16

T = TypeVar("T")


class Together:
    """Threads that are started when they are first needed, and shared by all callers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """What each of them gives. All of them have come to an end; then the first problem, in order, is raised.

        Examples:
            >>> together = Together()
            >>> together.run([lambda: 1, lambda: 2])
            [1, 2]
            >>> together.close()
        """
        if len(calls) < 2:
            return [call() for call in calls]
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="event-log")
            running = [self._threads.submit(call) for call in calls]
        wait(running)
        return [one.result() for one in running]

    def close(self) -> None:
        """The threads are gone."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
