"""A real Kafka broker on loopback: one Java process that is broker and controller, in a folder of its own.

    with kafka_server(tmp_path) as broker:
        log = KafkaEventLog(broker.url(prefix="mine"), ...)

It is up in about three seconds and takes 0.4 GB, so the tests of a run share one (the fixture `kafka`), each with
topics of its own; a test that stops or kills a broker starts its own.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.servers import ensure
from tests.servers import Process, free_port, started

__all__ = ["Kafka", "KafkaServer", "kafka_server", "shared_kafka"]

_JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Up in half the time: tests are over before the better compiler would have paid."""
_CLUSTER_ID = "Z2FwbGVzcy10ZXN0cy0wMQ"
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # There is one broker only.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Tests wait for groups to form, and for the dead to be missed.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "1000",  # one that was killed may not come back sooner
    "broker.heartbeat.interval.ms": "200",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


@dataclass(frozen=True)
class Kafka:
    """A running broker."""

    port: int

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, **options: str) -> str:
        """As the event log takes it, with options such as `prefix`."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"kafka://{self.bootstrap}/{f'?{query}' if query else ''}"


@dataclass(frozen=True)
class KafkaServer(Kafka):
    """A broker of one's own, to be stopped, paused, killed and started again on its port and data."""

    process: Process


@contextmanager
def kafka_server(folder: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[KafkaServer]:
    """An empty broker. What it acknowledged is there after `process.kill()` and `process.start()`; not so a power cut.

    Parameters:
        settings — more of its properties, or other values for them.
    """
    server = started(lambda port: _kafka(folder, port, settings or {}))
    try:
        yield server
    finally:
        server.process.kill()


@contextmanager
def shared_kafka(folder: Path) -> Iterator[Kafka]:
    """The broker that all processes of a test run share through this folder: the first one starts it.

    Whoever started it waits at its end until the others have let go. Where it is killed, the broker dies with it, and
    the next process to ask starts another.
    """
    with (folder / "kafka.users").open("w") as users, (folder / "kafka.door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        port_file = folder / "kafka.port"
        there = Kafka(int(port_file.read_text())) if port_file.exists() else None
        if there is not None and _answers(there.port):
            fcntl.flock(door, fcntl.LOCK_UN)
            yield there
            return
        (folder / "kafka").mkdir(exist_ok=True)
        with kafka_server(folder / "kafka") as server:
            port_file.write_text(str(server.port))
            fcntl.flock(door, fcntl.LOCK_UN)
            yield Kafka(server.port)
            fcntl.flock(users, fcntl.LOCK_EX)
            port_file.unlink()


# ---- parts ---------------------------------------------------------------------------------------


def _kafka(folder: Path, port: int, more: Mapping[str, str]) -> KafkaServer:
    (jars,) = ensure("kafka")
    (java,) = ensure("java")
    settings, control = folder / "server.properties", free_port()
    ports = {
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{control}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "log.dirs": str(folder / "data"),
    }
    lines = [f"{name}={value}" for name, value in (_SETTINGS | ports | dict(more)).items()]
    settings.write_text("\n".join(lines), encoding="utf-8")
    command = [java, *_JAVA, "-cp", f"{jars}/*"]
    shutil.rmtree(folder / "data", ignore_errors=True)  # of a start on a port that was taken
    _run([*command, "kafka.tools.StorageTool", "format", "--standalone", "-t", _CLUSTER_ID, "-c", str(settings)])
    process = Process([*command, "kafka.Kafka", str(settings)], folder / "kafka.log", lambda: _answers(port))
    return KafkaServer(port, process)


def _run(command: list[str]) -> None:
    out = subprocess.run(command, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr


def _answers(port: int) -> bool:
    """Whether the port is open and the broker knows itself; the client would wait and complain where it is not."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return bool(AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"}).list_topics(timeout=1).brokers)
    except (OSError, KafkaException):
        return False
