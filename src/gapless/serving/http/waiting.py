"""What a request waits for: a log, and a thread where it must not run in the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from gapless.ports.prediction_log import Done
from gapless.serving.http.problems import Problem

__all__ = ["Acknowledging", "Appending", "LogState", "Threads"]

T = TypeVar("T")
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)
_SILENT = "the prediction log does not answer"


@dataclass(frozen=True)
class LogState:
    """What a log knows of itself.

    Parameters:
        fault — why entries cannot be written now; None where they can.
        at_risk — entries that were acknowledged before the disk had them and that it does not have yet; lost — those
            that it refused afterwards.
    """

    fault: str | None = None
    at_risk: int = 0
    lost: int = 0


class Appending(Protocol[E_contra]):
    """What entries go to: a `PredictionLog`, or a thread that pushes events."""

    def append(self, entries: Sequence[E_contra], done: Done) -> None:
        """Takes the entries and returns; `done` is called once they are on stable storage, or with what went wrong."""
        ...


class Acknowledging(Generic[E]):
    """Waits for entries to be on stable storage.

    Whatever comes while the log is busy goes to it as one call once it is done: each call wakes its thread, which then
    takes turns with the event loop, and turns cost more than the writing.

    Parameters:
        ticks — seconds of a clock that never goes back.
        seconds — after which waiting is given up.
        state — of the log, where it knows its own.

    Guarantees: used from one event loop; the log calls back from any thread.
    """

    RECOVERS_S = 5.0
    """A log that failed counts as failing that long, then requests are let in to try it again."""

    def __init__(
        self,
        log: Appending[E],
        ticks: Callable[[], float],
        *,
        seconds: float,
        state: Callable[[], LogState] = LogState,
    ) -> None:
        self._log, self._ticks, self._seconds, self.state = log, ticks, seconds, state
        self._next: _Call | None = None
        self._busy = self._hangs = False
        self._failed: tuple[float, str] | None = None

    async def written(self, entries: Sequence[E]) -> None:
        """Returns once the entries are on disk.

        Raises: StorageError and whatever else the log says; TimeoutError after `seconds`, when they may be there or
            not.
        """
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        call = self._next
        if call is None:
            call = self._next = _Call()
            call.late = loop.call_later(self._seconds, self._give_up, call)
        call.entries.extend(entries)
        call.waiting.append(future)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._append, loop)  # after the other requests that are here already
        await future

    def failure(self) -> str | None:
        """What is wrong with the log, None where nothing is known to be."""
        fault = self.state().fault
        if fault is not None:
            return fault
        if self._hangs:
            return _SILENT
        if self._failed is None or self._ticks() - self._failed[0] > self.RECOVERS_S:
            return None
        return self._failed[1]

    def _append(self, loop: asyncio.AbstractEventLoop) -> None:
        call, self._next = self._next, None
        self._busy = call is not None  # else it was given up before its turn came
        if call is not None:
            self._log.append(call.entries, partial(self._done, loop, threading.get_ident(), call))

    def _done(self, loop: asyncio.AbstractEventLoop, thread: int, call: _Call, error: BaseException | None) -> None:
        """Called by the log, from its own thread or inside `append`."""
        if threading.get_ident() == thread:
            self._settle(loop, call, error)
        else:
            loop.call_soon_threadsafe(self._settle, loop, call, error)

    def _settle(self, loop: asyncio.AbstractEventLoop, call: _Call, error: BaseException | None) -> None:
        self._failed = None if error is None else (self._ticks(), str(error).partition("\n")[0])
        self._busy, self._hangs = self._next is not None, False
        if self._busy:
            loop.call_soon(self._append, loop)
        call.settle(error)

    def _give_up(self, call: _Call) -> None:
        """The log hangs: who waits for this call waits no longer. One that it was not given yet it never gets, so that
        nothing heaps up behind it."""
        self._failed = (self._ticks(), _SILENT)
        if call is self._next:
            self._next = None
        else:
            self._hangs = True
        call.settle(TimeoutError())


@dataclass(eq=False)
class _Call:
    """What the log is given in one call: who waits for it, and what happens when it takes too long."""

    entries: list[Any] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    late: asyncio.TimerHandle | None = None

    def settle(self, error: BaseException | None) -> None:
        """Whoever waits is told, once."""
        if self.late is not None:
            self.late.cancel()
        for future in self.waiting:
            if not future.done():  # else its request was given up
                future.set_result(None) if error is None else future.set_exception(error)


class Threads:
    """A few threads with a bounded queue.

    Parameters:
        threads — how many; waiting — how many calls may be under way or waiting in all.
        seconds — how long a call may take, its wait included.
    """

    def __init__(self, *, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gapless-answer")
        self._waiting, self._seconds, self._under_way = waiting, seconds, 0

    async def run(self, call: Callable[[], T], *, begun: bool = False) -> T:
        """The result of a call.

        Parameters:
            begun — it is the rest of a request that was let in: it is not sent away, and its work not thrown away.

        Raises: Problem 503 where too many wait, 504 where it takes too long; whatever the call raises.
        """
        if self._under_way >= self._waiting and not begun:
            raise Problem(503, "busy", "too many requests are under way", retry_after_s=1)
        self._under_way += 1
        future = self._pool.submit(call)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._finished, done))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Problem(504, "too_slow", "the answer took too long", allowed=f"{self._seconds:g} s") from None

    def _finished(self, done: Future[T]) -> None:
        self._under_way -= 1

    def close(self) -> None:
        """What is under way is finished; nothing that waits is begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)
