"""The event log on Kafka: many machines append and read, and outputs with offsets are one step of the broker's."""

from __future__ import annotations

from gapless.errors import MissingExtra

try:
    import confluent_kafka  # noqa: F401
except ImportError:
    raise MissingExtra("an event log on Kafka", "kafka") from None

from gapless.adapters.kafka.log import KafkaEventLog
from gapless.adapters.kafka.members import KafkaMember
from gapless.adapters.kafka.producing import APPEND_POINTS
from gapless.adapters.kafka.transactions import COMMIT_POINTS

__all__ = ["APPEND_POINTS", "COMMIT_POINTS", "KafkaEventLog", "KafkaMember"]
