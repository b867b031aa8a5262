"""What topics and groups are called on the brokers."""

from __future__ import annotations

import re
from hashlib import blake2b

from gapless.errors import InputError

__all__ = ["check_topic", "full_topic"]

_TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,200}")
_PLAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9_-]+)?")
_MARKED = re.compile(r".*--[0-9a-f]{8}", re.DOTALL)


def check_topic(topic: str) -> None:
    """Raises: InputError for a name that no log takes."""
    if not _TOPIC.fullmatch(topic):
        raise InputError(
            "no name for a topic",
            seen=topic,
            allowed="1 to 200 letters, digits, '.', '_' and '-', and not '.' or '..' alone",
            next_step="choose another name",
        )


def full_topic(prefix: str, topic: str) -> str:
    """The prefix and the topic's own name, marked by a part of its hash where it must be.

    Kafka refuses a topic whose name equals another's once each `.` is read as `_`. Names such as `events.flight_plans`
    never do that to one another: the first of the two signs is a dot, and the only one. Every other name is marked.

    Raises: InputError.

    Examples:
        >>> full_topic("shop.", "events.flight_plans"), full_topic("", "plans")
        ('shop.events.flight_plans', 'plans')
        >>> full_topic("", "a_b"), full_topic("", "a.b.c")
        ('a_b--c311a49b', 'a.b.c--7fe5f9e5')
    """
    check_topic(topic)
    if _PLAIN.fullmatch(topic) and not _MARKED.fullmatch(topic):
        return prefix + topic
    return f"{prefix}{topic}--{blake2b(topic.encode(), digest_size=4).hexdigest()}"
