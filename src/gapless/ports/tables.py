"""What tables are called, for the rooms that write them and the rooms that read them."""

from __future__ import annotations

from gapless.product import EventSource

__all__ = ["quarantine_table", "source_table"]


def source_table(source: EventSource) -> str:
    """The name of the source's table in the offline store."""
    return f"sources/{source.name}"


def quarantine_table(source: EventSource) -> str:
    """The name of the table that holds the source's bad rows with their reasons."""
    return f"quarantine/{source.name}"
