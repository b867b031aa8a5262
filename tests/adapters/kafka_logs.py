"""How tests open event logs on Kafka: values that other processes can be given."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from gapless.adapters.kafka import KafkaEventLog
from gapless.faults import Fault
from tests.kafka import Kafka


def new_id() -> str:
    """A name that nobody has."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class OnKafka:
    """A prefix for each name, on one broker.

    Parameters:
        run — apart from other tests on the broker.
        options — of the URL.
    """

    port: int
    run: str = field(default_factory=lambda: new_id()[:8])
    timeout_s: float = 10.0
    options: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, name: str, fault: Fault | None = None) -> KafkaEventLog:
        prefix = f"{self.run}-{name.replace('_', '-')}"
        url = Kafka(self.port).url(prefix=prefix, **self.options)
        return KafkaEventLog(url, new_id=new_id, timeout_s=self.timeout_s, fault=fault)
