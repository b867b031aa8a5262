"""Readers that hammer an online store while it is written to, and look for half a commit."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

from gapless.ports.online import OnlineStore, Update
from gapless.testing.online_factory import Factory, opened

__all__ = ["readers_in_processes", "readers_in_threads"]

_KEYS = [b"hammered/%d" % number for number in range(10)]
_OFFSET = b"hammered/offset"
_ROUNDS = 400
_READERS = 2


def readers_in_threads(factory: Factory) -> None:
    """Threads never see half a commit."""
    with ThreadPoolExecutor(_READERS) as threads:
        _hammer(factory, "threads", threads)


def readers_in_processes(factory: Factory) -> None:
    """Other processes never see half a commit."""
    with ProcessPoolExecutor(_READERS, mp_context=multiprocessing.get_context("spawn")) as processes:
        _hammer(factory, "processes", processes)


def _hammer(factory: Factory, name: str, executor: Executor) -> None:
    with opened(factory, name) as store:
        readers = [executor.submit(_watch, factory, name, number) for number in range(_READERS)]
        _wait_for(store, readers)
        for number in range(1, _ROUNDS + 1):
            _write(store, number)
        problems = [reader.result() for reader in readers]
    assert problems == [None] * _READERS, problems


def _write(store: OnlineStore, number: int) -> None:
    value = b"%06d" % number * (1 + number % 60)  # of another length each time: half of one shows
    store.commit(dict.fromkeys(_KEYS, Update(number, value)), {_OFFSET: Update(number, value)})


def _wait_for(store: OnlineStore, readers: list[Future[str | None]]) -> None:
    """Until every reader has said that it is there, or one has failed."""
    signs = [b"ready/%d" % number for number in range(len(readers))]
    while None in store.read(signs) and not any(reader.done() for reader in readers):
        time.sleep(0.01)


def _watch(factory: Factory, name: str, number: int) -> str | None:
    """What it saw that must not be, or None; it ends with the last round."""
    with opened(factory, name) as store:
        store.commit({b"ready/%d" % number: Update(1, b"")}, {})
        before = [0] * (1 + len(_KEYS))
        while before[0] < _ROUNDS:
            seen = [_round(value) for value in store.read([_OFFSET, *_KEYS])]
            if problem := _problem(store, before, seen):
                return problem
            before = seen
    return None


def _problem(store: OnlineStore, before: list[int], seen: list[int]) -> str | None:
    if -1 in seen:
        return f"half a value: {seen}"
    if any(new < old for old, new in zip(before, seen, strict=True)):
        return f"back in time: {before}, then {seen}"
    if min(seen) < seen[0]:
        return f"an offset before its updates: {seen}"
    if store.capabilities.atomic == "commit" and len(set(seen)) > 1:
        return f"half a commit: {seen}"
    return None


def _round(value: bytes | None) -> int:
    """Which round wrote the value; -1 for one that is torn."""
    if value is None:
        return 0
    number = int(value[:6])
    return number if value == b"%06d" % number * (1 + number % 60) else -1
