"""State kept fresh from the event log, requests answered as events, labels joined, answers verified."""

from __future__ import annotations
