"""A store that does not answer costs one time limit per pause, not one per request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from gapless.clock import SECOND, Clock, format_instant
from gapless.errors import RemoteError, StorageError, Transient
from gapless.online.front import Front
from gapless.ports.online import OnlineStore

__all__ = ["Breaker"]

PAUSE_US = SECOND
_LOG = logging.getLogger("gapless.serving")


class Breaker(Front):
    """An OnlineStore that stops asking for a while after a read failed; damage of single values is none of its concern.

    During the pause every read raises Transient at once, with what the store said. After it one caller asks again and
    the others go on as before until it has an answer: so a store that comes back is used by itself. That it went away
    and that it is back is logged, a line for each change.

    Parameters:
        store — what is read; writes and the rest pass through untouched.
        clock — one that does not go back.
        pause_us — from a failed read to the next one.
    """

    def __init__(self, store: OnlineStore, clock: Clock, *, pause_us: int = PAUSE_US) -> None:
        super().__init__(store)
        self._clock, self._pause_us = clock, pause_us
        self._lock = threading.Lock()
        self._error: RemoteError | StorageError | None = None
        self._since_us = self._again_us = 0

    @property
    def fault(self) -> str | None:
        """What is wrong with the store, and since when; None where the last read was answered."""
        error = self._error
        return None if error is None else f"{error.what} (since {format_instant(self._since_us)})"

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The store's answer.

        Raises: what the store raises; Transient without asking it during a pause.
        """
        if self._error is not None:
            self._refuse_in_pause()
        try:
            found = self._store.read(keys)
        except (RemoteError, StorageError) as error:
            self._failed(error)
            raise
        if self._error is not None:
            self._recovered()
        return found

    def _refuse_in_pause(self) -> None:
        """Returns for the one caller that is to ask."""
        with self._lock:
            error, now = self._error, self._clock.now_us()
            if error is None:
                return
            if now >= self._again_us:
                self._again_us = now + self._pause_us
                return
        raise Transient(error.what, seen=error.seen, next_step=error.next_step, where=error.where) from error

    def _recovered(self) -> None:
        with self._lock:
            was, self._error = self._error, None
        if was is not None:  # else another thread said it
            _LOG.warning("the online store is back; it was away since %s", format_instant(self._since_us))

    def _failed(self, error: RemoteError | StorageError) -> None:
        with self._lock:
            now, is_new = self._clock.now_us(), self._error is None
            if is_new:
                self._since_us = now
            self._error, self._again_us = error, now + self._pause_us
        if is_new:
            _LOG.error("the online store went away: %s", " ".join(error.what.split()))
