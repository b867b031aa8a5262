"""Threads whose failures are the check's."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["in_threads"]


def in_threads(count: int, work: Callable[[int], object]) -> None:
    """`work(i)` has run in so many threads at once. Raises: what the first of them raised."""
    problems: list[BaseException] = []

    def run(i: int) -> None:
        try:
            work(i)
        except BaseException as problem:  # a thread has no other way to tell
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
