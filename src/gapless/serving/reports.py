"""Incidents on their way to the metadata database."""

from __future__ import annotations

import threading
from dataclasses import replace

from gapless.clock import Clock
from gapless.errors import GaplessError, InputError
from gapless.ports.metadata import Incident, Metadata

__all__ = ["Reports"]


class Reports:
    """Incidents that requests and loaders met with, kept until the database takes them: `put` never waits for it.

    Parameters:
        most — how many may wait. An error that names what was asked has another text for each request.
    """

    def __init__(self, metadata: Metadata, clock: Clock, *, most: int = 1_000) -> None:
        self._metadata, self._clock, self._most = metadata, clock, most
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str, str], Incident] = {}

    def put(self, incident: Incident) -> None:
        """To be filed; from any thread. One that waits already is not doubled; of very many the later are dropped."""
        with self._lock:
            if len(self._waiting) < self._most:
                self._waiting.setdefault((incident.kind, incident.subject, incident.what), incident)

    def file(self) -> None:
        """What waits is in the database, or goes on waiting where it does not answer."""
        with self._lock:
            waiting = dict(self._waiting)
        for key, incident in waiting.items():
            try:
                self._report(incident)
            except GaplessError:
                return  # whoever asks the database for anything else is told what is wrong with it
            with self._lock:
                del self._waiting[key]

    def _report(self, incident: Incident) -> None:
        try:
            self._metadata.incidents.report(incident, at_us=self._clock.now_us())
        except InputError:  # of a model's own error: any text, any value; those behind it are not to wait for ever
            self._metadata.incidents.report(_written_out(incident), at_us=self._clock.now_us())


def _written_out(incident: Incident) -> Incident:
    """The same in characters that every database holds."""
    return replace(incident, what=ascii(incident.what)[1:-1], facts={"facts": ascii(dict(incident.facts))})
