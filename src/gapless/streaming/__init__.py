"""State kept fresh from the event log, requests answered as events, labels joined with answers."""

from __future__ import annotations
