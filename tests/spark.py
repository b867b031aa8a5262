"""Real Spark: one local session for a test process, and standalone clusters on loopback.

    def test_something(spark): ...                 the fixture: a session of its own on local[2]

    with spark_cluster(tmp_path) as cluster:
        session = cluster_session(cluster)
        cluster.kill_worker(0)

A process has one Spark context at most, so asking for a session on another master ends the one that is there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from scripts.servers import ensure
from tests.servers import Process, started

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["ROOT", "SparkCluster", "cluster_session", "local_session", "spark_cluster"]

ROOT = Path(__file__).resolve().parent.parent
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "spark.driver.memory": "1g",
        "spark.executor.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        "spark.executorEnv.PYTHONPATH": str(ROOT),  # functions of tests are found by name
    }
)
_ENVIRONMENT = (
    "SPARK_LOCAL_IP=127.0.0.1",
    "SPARK_DAEMON_MEMORY=256m",
    # Without its REST server, which takes a port of its own choice: two masters could not be there at once.
    "SPARK_DAEMON_JAVA_OPTS=-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dspark.port.maxRetries=0"
    " -Dspark.master.rest.enabled=false",
)


def local_session() -> SparkSession:
    """A session on local[2], with SQL settings of its own; the first one of a process takes some seconds."""
    return _session("local[2]", {})


def cluster_session(cluster: SparkCluster, settings: Mapping[str, str] | None = None) -> SparkSession:
    """A session on the cluster; whoever asks for it stops it."""
    return _session(cluster.url, settings or {})


def _session(master: str, settings: Mapping[str, str]) -> SparkSession:
    from pyspark import SparkContext

    from gapless.adapters.spark import open_session, spark_master

    ensure("java")
    there = SparkContext._active_spark_context
    if there is not None and there.master != spark_master(master).url:
        there.stop()
    return open_session(master, settings={**SETTINGS, **settings})


@dataclass
class SparkCluster:
    """A running master with workers of one core each."""

    port: int
    process: Process
    workers: list[Process]

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def kill_worker(self, number: int) -> None:
        """kill -9; its executors end when they miss it."""
        self.workers[number].kill()

    def start_worker(self, number: int) -> None:
        """Again, after it was killed."""
        self.workers[number].start()


@contextmanager
def spark_cluster(folder: Path, *, workers: int = 2) -> Iterator[SparkCluster]:
    """A standalone cluster, its logs and work in the folder."""
    cluster = started(lambda port: _master(folder, port))
    with ExitStack() as stack:
        stack.callback(cluster.process.kill)
        for number in range(workers):
            cluster.workers.append(_worker(folder, number, cluster.url))
            stack.callback(cluster.workers[-1].kill)
            cluster.workers[-1].start()
        yield cluster


def _master(folder: Path, port: int) -> SparkCluster:
    command = [*_command("master.Master"), "--port", str(port)]
    return SparkCluster(port, Process(command, folder / "master.log", lambda: _listens(port)), [])


def _worker(folder: Path, number: int, master: str) -> Process:
    home, log = folder / f"worker{number}", folder / f"worker{number}.log"
    command = [*_command("worker.Worker"), "--cores", "1", "--memory", "1g", "--work-dir", str(home), master]
    return Process(command, log, lambda: _is_registered(log))


def _command(program: str) -> list[str]:
    import pyspark

    ensure("java")
    launcher = Path(pyspark.__file__).parent / "bin" / "spark-class"
    options = ["--host", "127.0.0.1", "--webui-port", "0"]
    return ["env", *_ENVIRONMENT, str(launcher), f"org.apache.spark.deploy.{program}", *options]


def _is_registered(log: Path) -> bool:
    """Whether the last process that wrote into the log has found its master."""
    last = log.read_text(encoding="utf-8", errors="replace").rpartition("Started daemon with process name")[2]
    return "Successfully registered with master" in last


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
