"""Clients of one cluster: made from the target's settings, listening to what goes wrong in the background."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from gapless.adapters.kafka.failures import bad_option
from gapless.adapters.kafka.urls import Target

__all__ = ["Troubles", "error_of", "make_admin", "make_consumer", "make_producer"]

Client = TypeVar("Client")

_CONSUMERS = ("session.timeout", "heartbeat.", "max.poll.", "fetch.", "queued.", "group.instance", "check.crcs")
_PRODUCERS = ("linger.", "batch.", "queue.buffering.", "compression.", "transaction.", "sticky.", "retries")
"""Beginnings of options that only such clients know; of others' options a client complains on standard error."""


class Troubles:
    """The last thing that a client complained of; it says why a call ran out of time."""

    def __init__(self) -> None:
        self.last, self.down = "", False

    def __call__(self, error: KafkaError) -> None:
        """The client calls it."""
        self.last = error.str()
        self.down = self.down or error.code() == KafkaError._ALL_BROKERS_DOWN


def error_of(problem: KafkaException) -> KafkaError:
    """The error that an exception of the client library carries."""
    error: KafkaError = problem.args[0]
    return error


def make_admin(target: Target, troubles: Troubles) -> AdminClient:
    """Raises: SettingsError."""
    return _made(AdminClient, target, troubles, {}, {}, not_for=(*_CONSUMERS, *_PRODUCERS))


def make_producer(
    target: Target, troubles: Troubles, defaults: Mapping[str, Any], fixed: Mapping[str, Any]
) -> Producer:
    """Raises: SettingsError."""
    return _made(Producer, target, troubles, defaults, fixed, not_for=_CONSUMERS)


def make_consumer(
    target: Target, troubles: Troubles, defaults: Mapping[str, Any], fixed: Mapping[str, Any]
) -> Consumer:
    """Raises: SettingsError."""
    return _made(Consumer, target, troubles, defaults, fixed, not_for=_PRODUCERS)


def _made(
    kind: Callable[[dict[str, Any]], Client],
    target: Target,
    troubles: Troubles,
    defaults: Mapping[str, Any],
    fixed: Mapping[str, Any],
    *,
    not_for: tuple[str, ...],
) -> Client:
    given = target.settings(defaults, {**fixed, "error_cb": troubles})
    settings = {name: value for name, value in given.items() if not name.startswith(not_for)}
    try:
        return kind(settings)
    except (KafkaException, ValueError, TypeError) as problem:
        raise bad_option(target.shown, problem) from None
