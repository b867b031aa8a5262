"""Incidents on their way to the metadata database."""

from __future__ import annotations

import threading

from gapless.clock import Clock
from gapless.errors import GaplessError
from gapless.ports.metadata import Incident, Metadata

__all__ = ["Reports"]


class Reports:
    """Incidents that requests and loaders met with, kept until the database takes them: `put` never waits for it."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata, self._clock = metadata, clock
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str, str], Incident] = {}

    def put(self, incident: Incident) -> None:
        """To be filed; from any thread. One that waits already is not doubled."""
        with self._lock:
            self._waiting.setdefault((incident.kind, incident.subject, incident.what), incident)

    def file(self) -> None:
        """What waits is in the database, or goes on waiting where it does not answer."""
        with self._lock:
            waiting = dict(self._waiting)
        for key, incident in waiting.items():
            try:
                self._metadata.incidents.report(incident, at_us=self._clock.now_us())
            except GaplessError:
                return  # whoever asks the database for anything else is told what is wrong with it
            with self._lock:
                del self._waiting[key]
