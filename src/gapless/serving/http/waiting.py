"""What a request waits for: the prediction log, and a thread where it must not run in the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from gapless.ports.prediction_log import Done, PredictionLog
from gapless.serving.http.problems import Problem

__all__ = ["Acknowledging", "LogState", "Threads"]

T = TypeVar("T")


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


class Acknowledging:
    """Waits for entries to be on stable storage; the log's thread wakes the event loop once for all that it wrote.

    Parameters:
        ticks — seconds of a clock that never goes back.
        state — of the log, where it knows its own.

    Guarantees: used from one event loop; the log calls back from any thread.
    """

    RECOVERS_S = 5.0
    """A log that failed counts as failing that long, then requests are let in to try it again."""

    def __init__(
        self, log: PredictionLog, ticks: Callable[[], float], *, state: Callable[[], LogState] = LogState
    ) -> None:
        self._log, self._ticks, self.state = log, ticks, state
        self._settled: deque[tuple[asyncio.Future[None], BaseException | None]] = deque()
        self._woken = False
        self._failed: tuple[float, str] | None = None

    async def written(self, entries: Sequence[bytes]) -> None:
        """Returns once the entries are on disk. Raises: StorageError, as the log says it."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._log.append(entries, self._done(loop, future))
        await future
        self._failed = None

    def failure(self) -> str | None:
        """What is wrong with the log, None where nothing is known to be."""
        fault = self.state().fault
        if fault is not None:
            return fault
        if self._failed is None or self._ticks() - self._failed[0] > self.RECOVERS_S:
            return None
        return self._failed[1]

    def _done(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> Done:
        here = threading.get_ident()

        def done(error: BaseException | None) -> None:
            if threading.get_ident() == here:  # the log did not wait for the disk
                self._settle(future, error)
                return
            self._settled.append((future, error))
            if not self._woken:
                self._woken = True
                loop.call_soon_threadsafe(self._settle_all)

        return done

    def _settle_all(self) -> None:
        self._woken = False  # first: what comes from now on wakes the loop again
        while self._settled:
            self._settle(*self._settled.popleft())

    def _settle(self, future: asyncio.Future[None], error: BaseException | None) -> None:
        if error is not None:
            self._failed = (self._ticks(), str(error).partition("\n")[0])
        if future.done():  # its request was given up
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


class Threads:
    """A few threads with a bounded queue.

    Parameters:
        threads — how many; waiting — how many calls may be under way or waiting in all.
        seconds — how long a call may take, its wait included.
    """

    def __init__(self, *, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gapless-answer")
        self._waiting, self._seconds, self._under_way = waiting, seconds, 0

    async def run(self, call: Callable[[], T]) -> T:
        """The result of a call.

        Raises: Problem 503 where too many wait, 504 where it takes too long; whatever the call raises.
        """
        if self._under_way >= self._waiting:
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
