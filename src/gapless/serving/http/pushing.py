"""Where the events of requests go: decoded and checked, then into the event log, those of many requests at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from gapless.errors import GaplessError, InputError
from gapless.events.pushing import Pusher
from gapless.events.valid import Valid
from gapless.ports.prediction_log import Done
from gapless.product import EventSource
from gapless.serving.answers import Row
from gapless.serving.http.problems import Problem
from gapless.serving.http.rows import RowDecoder
from gapless.serving.http.waiting import Acknowledging, Threads

__all__ = ["Pushing"]

_LOG = logging.getLogger("gapless.serving")
_THREADS = 32
"""For so many sources at once can a thread wait for the log."""


class Pushing:
    """The pushing end of the event log, for a server.

    Small calls of a source that come while the log is busy with it go there as one, once it is done: they share a
    record, a write and a sync. A large call goes by itself, in a thread.

    Parameters:
        sources — those that may be pushed to, by name; asked once somebody does.
        ticks — seconds of a clock that never goes back.
        rows — in one call; seconds — after which waiting is given up; inline_bytes — a body up to that size is small.

    Guarantees: used from one event loop, which never waits for the log.
    """

    def __init__(
        self,
        pusher: Pusher,
        sources: Callable[[], Mapping[str, EventSource]],
        ticks: Callable[[], float],
        *,
        rows: int = 10_000,
        seconds: float = 30.0,
        inline_bytes: int = 8 << 10,
    ) -> None:
        self.sources, self._pusher, self._ticks = sources, pusher, ticks
        self._rows, self._seconds, self._inline = rows, seconds, inline_bytes
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="gapless-push")
        self._large = Threads(threads=4, waiting=128, seconds=seconds)
        self._ends: dict[str, _End] = {}

    def source(self, name: str) -> EventSource:
        """Raises: Problem 404 for one that the product does not have."""
        known = self.sources()
        if name not in known:
            raise Problem(404, "not_found", "the product has no such source", seen=name, allowed=", ".join(known))
        return known[name]

    async def push(self, source: EventSource, body: bytes) -> int:
        """The events of a body are durable; gives how many.

        Raises: Problem 400, 413 or 422, and nothing of the call is in the log; 503 where the log cannot take them, 504
            where it takes too long: some of them may be there.
        """
        end = self._end(source)
        try:
            if len(body) > self._inline:
                return await self._large.run(lambda: end.push_all(body))
            rows = end.rows(body)
            await end.together.written(rows)
            return len(rows)
        except InputError:  # too large for a record
            raise
        except GaplessError:
            raise Problem(503, "events_failed", "the event log cannot take events", retry_after_s=1) from None
        except TimeoutError:
            raise Problem(504, "events_slow", "the event log took too long", retry_after_s=1) from None

    def close(self) -> None:
        """What is under way is finished."""
        self._large.close()
        self._pool.shutdown()

    def _end(self, source: EventSource) -> _End:
        found = self._ends.get(source.name)
        if found is None:
            found = self._ends[source.name] = _End(self._pusher, source, self._pool, self._rows)
            found.together = Acknowledging(found, self._ticks, seconds=self._seconds)
        return found


class _End:
    """One source's."""

    together: Acknowledging[Row]

    def __init__(self, pusher: Pusher, source: EventSource, pool: ThreadPoolExecutor, limit: int) -> None:
        self._pusher, self._source, self._pool = pusher, source, pool
        self._valid = valid = Valid(source)
        self._decoder = RowDecoder(source.columns, required=list(valid.needed), member="events", limit=limit)

    def rows(self, body: bytes) -> list[Row]:
        """The events of a body. Raises: Problem."""
        rows = self._decoder.body(body, 0)
        fault = self._valid.fault(rows)
        if fault is not None:
            what = "an event cannot have this instant"
            raise Problem(
                422, "out_of_range", what, row=fault.row, field=fault.column, seen=fault.seen, allowed=fault.allowed
            )
        return rows

    def push_all(self, body: bytes) -> int:
        """A body by itself."""
        rows = self.rows(body)
        try:
            return self._pusher.push_rows(self._source, rows).events
        except InputError:
            raise
        except GaplessError as error:
            self._say(error)
            raise

    def append(self, entries: Sequence[Row], done: Done) -> None:
        """See `Appending`: in a thread."""
        future: Future[Any] = self._pool.submit(self._pusher.push_rows, self._source, entries)
        future.add_done_callback(lambda pushed: self._settle(pushed.exception(), done))

    def _settle(self, error: BaseException | None, done: Done) -> None:
        if error is not None:
            self._say(error)
        done(error)

    def _say(self, error: BaseException) -> None:
        _LOG.error("events of %s: %s", self._source.name, error)
