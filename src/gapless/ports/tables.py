"""What tables are called, for the rooms that write them and the rooms that read them."""

from __future__ import annotations

from gapless.product import EventSource

__all__ = ["landed_table", "predictions_table", "quarantine_table", "source_table"]


def source_table(source: EventSource) -> str:
    """The name of the source's table in the offline store."""
    return f"sources/{source.name}"


def landed_table(source: EventSource, partition: int) -> str:
    """The name of the table that holds the events of one partition of the source's topic, in the order of the log."""
    return f"events/{source.name}/{partition}"


def quarantine_table(source: EventSource) -> str:
    """The name of the table that holds the source's bad rows with their reasons."""
    return f"quarantine/{source.name}"


def predictions_table(model: str, definition_hash: str) -> str:
    """The name of the table that the answers of a model's definition land in.

    Examples:
        >>> predictions_table("late_arrival", "0123456789abcdef")
        'predictions/late_arrival/0123456789ab'
    """
    return f"predictions/{model}/{definition_hash[:12]}"
