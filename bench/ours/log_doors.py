"""The logs that are measured behind one face: make a topic, append values, read them back in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition

from gapless.adapters.kafka import KafkaEventLog
from gapless.adapters.segments import FileEventLog
from gapless.ports.events import EventLog, Outgoing

__all__ = ["DOORS", "Door"]

MAX_BYTES = 1 << 22
ROWS = 10_000


class Door(Protocol):
    def create(self, topic: str) -> None: ...

    def append(self, topic: str, values: Sequence[bytes]) -> None:
        """Durable, as the log promises it, once it returns."""
        ...

    def read(self, topic: str, count: int) -> Iterator[list[bytes]]: ...

    def close(self) -> None: ...


class Ours:
    """Any event log of gapless."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def create(self, topic: str) -> None:
        self._log.create(topic, 1)

    def append(self, topic: str, values: Sequence[bytes]) -> None:
        self._log.append(topic, [Outgoing(0, value) for value in values])

    def read(self, topic: str, count: int) -> Iterator[list[bytes]]:
        offset = done = 0
        while done < count:
            records = self._log.read(topic, 0, offset, max_bytes=MAX_BYTES)
            offset, done = records[-1].offset + 1, done + len(records)
            yield [record.value for record in records]

    def close(self) -> None:
        self._log.close()


class Plain:
    """A loop over confluent-kafka with its own defaults for producing, and our settings for reading.

    A call is flushed, which no lingering holds up. A read has a consumer of its own, as the first read of ours has: one
    that is used again waits up to a second for what it asked for last. The log on Kafka makes the topics.
    """

    def __init__(self, url: str) -> None:
        self._topics = KafkaEventLog(url, new_id=lambda: uuid4().hex)
        self._broker = {"bootstrap.servers": url.removeprefix("kafka://").rstrip("/")}
        self._producer = Producer({**self._broker, "acks": "all", "enable.idempotence": True})

    def create(self, topic: str) -> None:
        self._topics.create(topic, 1)

    def append(self, topic: str, values: Sequence[bytes]) -> None:
        for value in values:
            while True:
                try:
                    self._producer.produce(topic, value, partition=0)
                    break
                except BufferError:
                    self._producer.poll(0.01)
        left = self._producer.flush(30)
        assert left == 0, "not all was taken"

    def read(self, topic: str, count: int) -> Iterator[list[bytes]]:
        fetching = {"fetch.wait.max.ms": 100, "fetch.queue.backoff.ms": 10}
        consumer = Consumer({**self._broker, **fetching, "group.id": uuid4().hex, "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found = []
        while len(found) < count:
            message = consumer.poll(1.0)
            if message is not None:
                assert message.error() is None, message.error()
                found.append(message.value())
        consumer.close()
        yield found

    def close(self) -> None:
        self._topics.close()


class Sqlite:
    """A table with a running number; a call is a transaction, synced."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "log.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")

    def create(self, topic: str) -> None:
        self._db.execute(f'CREATE TABLE "{topic}" (place INTEGER PRIMARY KEY, value BLOB)')

    def append(self, topic: str, values: Sequence[bytes]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(f'INSERT INTO "{topic}" (value) VALUES (?)', [(value,) for value in values])
        self._db.execute("COMMIT")

    def read(self, topic: str, count: int) -> Iterator[list[bytes]]:
        found = self._db.execute(f'SELECT value FROM "{topic}" ORDER BY place')
        while rows := found.fetchmany(ROWS):
            yield [value for (value,) in rows]

    def close(self) -> None:
        self._db.close()


DOORS: Mapping[str, Callable[[Mapping[str, Any]], Door]] = {
    "gapless": lambda what: Ours(FileEventLog(Path(what["folder"]))),
    "gapless_kafka": lambda what: Ours(KafkaEventLog(what["url"] + f"?prefix=ours{what['run']}", new_id=_new_id)),
    "kafka": lambda what: Plain(what["url"]),
    "sqlite": lambda what: Sqlite(Path(what["folder"])),
}


def _new_id() -> str:
    return uuid4().hex
