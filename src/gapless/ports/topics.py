"""What topics and groups are called, for the rooms that write them and the rooms that read them."""

from __future__ import annotations

from gapless.product import EventSource

__all__ = ["answers_group", "events_topic", "predictions_topic"]


def events_topic(source: EventSource) -> str:
    """The topic that a source's events are pushed to."""
    return f"events.{source.name}"


def predictions_topic(model: str) -> str:
    """The topic that holds the answers to requests that came as events.

    Examples:
        >>> predictions_topic("late_arrival")
        'predictions.late_arrival'
    """
    return f"predictions.{model}"


def answers_group(model: str) -> str:
    """The group whose offsets say which requests were answered."""
    return f"gapless.answers.{model}"
