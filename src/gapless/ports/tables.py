"""What tables are called, for the rooms that write them and the rooms that read them."""

from __future__ import annotations

from collections.abc import Iterable

from gapless.product import EventSource

__all__ = [
    "examined_table",
    "landed_partitions",
    "landed_table",
    "outcomes_table",
    "predictions_table",
    "quarantine_table",
    "settled_table",
    "source_table",
]


def settled_table(model: str, partition: int) -> str:
    """The name of the table that says how far one partition of a model's answers was moved from the log into tables.

    Examples:
        >>> settled_table("late_arrival", 0)
        'settled/late_arrival/0'
    """
    return f"settled/{model}/{partition}"


def source_table(source: EventSource) -> str:
    """The name of the source's table in the offline store."""
    return f"sources/{source.name}"


def landed_table(source: EventSource, partition: int) -> str:
    """The name of the table that holds the events of one partition of the source's topic, in the order of the log."""
    return f"events/{source.name}/{partition}"


def landed_partitions(source: EventSource, tables: Iterable[str]) -> list[int]:
    """The partitions of a source that have a landed table, in order.

    Parameters:
        tables — names of all tables.

    Examples:
        >>> from datetime import datetime
        >>> clicks = EventSource("clicks", schema={"at": datetime}, event_time="at")
        >>> landed_partitions(clicks, ["events/clicks/10", "events/clicks/9", "events/clicks_b/0", "sources/clicks"])
        [9, 10]
    """
    start = landed_table(source, 0).removesuffix("0")
    numbers = [name.removeprefix(start) for name in tables if name.startswith(start)]
    return sorted(int(number) for number in numbers if number.isdigit())


def examined_table(source: EventSource, partition: int) -> str:
    """The name of the table that says up to which record a partition without new events was looked through."""
    return f"examined/{source.name}/{partition}"


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


def outcomes_table(model: str) -> str:
    """The name of the table that tells what became of each answer of a model, of all its definitions.

    Examples:
        >>> outcomes_table("late_arrival")
        'outcomes/late_arrival'
    """
    return f"outcomes/{model}"
