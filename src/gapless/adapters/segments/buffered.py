"""BufferedLog: entries are acknowledged before the disk has them, up to a bound."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from gapless.errors import StorageError
from gapless.ports.prediction_log import Done, PredictionLog

__all__ = ["BufferedLog"]


class Below(PredictionLog, Protocol):
    """A log that knows how it is."""

    @property
    def problem(self) -> StorageError | None:
        """Why entries cannot be written now; None where they can."""
        ...


class BufferedLog:
    """A log whose `done` comes at once: what `log = "async"` means.

    A crash of the machine or the process loses up to `limit` acknowledged entries; a refusing disk loses what it
    refuses, and both are counted. Beyond the limit entries wait for the disk like those of the log below.

    Parameters:
        limit — the most entries that are acknowledged and not on stable storage.

    Guarantees: safe to call from several threads. `done` of what fits is called inside `append`, by the caller's own
        thread; of what does not fit, by the log's.
    """

    def __init__(self, log: Below, *, limit: int = 10_000) -> None:
        self._log, self._limit = log, limit
        self._lock = threading.Lock()
        self._at_risk = self._lost = 0

    @property
    def problem(self) -> StorageError | None:
        """Why entries cannot be written now, and will be lost; None where they can."""
        return self._log.problem

    @property
    def at_risk(self) -> int:
        """Entries that were acknowledged and are not on stable storage yet."""
        return self._at_risk

    @property
    def lost(self) -> int:
        """Entries that were acknowledged and that the disk refused afterwards."""
        return self._lost

    def append(self, entries: Sequence[bytes], done: Done) -> None:
        """See PredictionLog.append, and the class for when `done` is called."""
        count = len(entries)
        with self._lock:
            fits = self._at_risk + count <= self._limit
            self._at_risk += count * fits
        if not fits:
            self._log.append(entries, done)
            return
        self._log.append(entries, lambda problem: self._settle(count, problem))
        done(None)

    def close(self) -> None:
        """See PredictionLog.close."""
        self._log.close()

    def _settle(self, count: int, problem: BaseException | None) -> None:
        with self._lock:
            self._at_risk -= count
            self._lost += count * (problem is not None)
