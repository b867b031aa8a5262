"""The two ends of the event log: rows are pushed, taken in once, and landed in the offline store."""

from __future__ import annotations
