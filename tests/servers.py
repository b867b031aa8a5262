"""Real Redis and Postgres servers on loopback, each on a free port and in a folder of its own; Kafka is in `kafka`.

    with redis_server(tmp_path) as server:
        client = redis.Redis.from_url(server.url)

A server goes away with the test process that started it, also where that is killed. A free port may be taken between
finding and using it, so a start that fails is tried on another one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.servers import ensure

__all__ = [
    "Postgres",
    "Process",
    "Redis",
    "RedisCluster",
    "free_port",
    "postgres_server",
    "redis_cluster",
    "redis_server",
    "started",
]

_START_S = 90.0
_PAUSE_S = 0.02
_LEFT_OVER = "pre-existing shared memory block"
"""Postgres that was killed a moment ago: its children take notice, and are gone soon."""


@dataclass
class Process:
    """A server process that can be stopped, killed and started again on the same port and data.

    Parameters:
        command — the command line.
        ready — whether it answers.
        stop_signal — the one that ends it in good order.
        user — whom to run as; None: the same as the test.
    """

    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    stop_signal: int = signal.SIGTERM
    user: str | None = None
    _running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def start(self) -> None:
        """Returns once it answers. Raises: RuntimeError with the end of its log where it does not come up."""
        while (said := self._try_to_start()) is not None:
            if _LEFT_OVER not in said:
                raise RuntimeError(f"{self.command[0]} ended at once: {said}")
            time.sleep(_PAUSE_S)

    def _try_to_start(self) -> str | None:
        """None, or what the process said before it ended."""
        begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._running = running = subprocess.Popen(
                [*_dies_with_us(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.log.parent,
            )
        try:
            _wait(lambda: running.poll() is not None or self.ready())
        except BaseException:
            self.kill()
            raise
        return None if running.poll() is None else self.log.read_bytes()[begins:].decode(errors="replace")

    def stop(self) -> None:
        """Ends it in good order and waits for that; nothing where it does not run."""
        self.signal(self.stop_signal, wait=True)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL, wait=True)

    def pause(self) -> None:
        """It keeps its connections and does not answer, as a machine that hangs."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        self.signal(signal.SIGCONT)

    def signal(self, number: int, *, wait: bool = False) -> None:
        if self._running is None:
            return
        if self._running.poll() is None:
            self._running.send_signal(number)
        if wait:
            self._running.wait(_START_S)
            self._running = None


@dataclass
class Redis:
    """A running Redis server."""

    port: int
    process: Process

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@dataclass
class RedisCluster:
    """A running Redis Cluster without replicas."""

    nodes: list[Redis] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"


@dataclass
class Postgres:
    """A running Postgres server; its superuser `gapless` needs no password."""

    port: int
    process: Process

    @property
    def url(self) -> str:
        """Of the database that is always there."""
        return self._url("postgres")

    def database(self, name: str) -> str:
        """The URL of a new, empty database; one of that name is dropped first."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://gapless@127.0.0.1:{self.port}/{database}"


@contextmanager
def redis_server(folder: Path, *, durable: bool = True, options: Sequence[str] = ()) -> Iterator[Redis]:
    """An empty Redis server.

    Parameters:
        durable — what was acknowledged is on the disk and comes back after `process.kill()` and `process.start()`.
        options — more of the command line, such as `["--maxmemory", "4mb"]`.
    """
    server = started(lambda port: _redis(folder, port, durable, options))
    try:
        yield server
    finally:
        server.process.kill()


@contextmanager
def redis_cluster(folder: Path, *, nodes: int = 3, durable: bool = False) -> Iterator[RedisCluster]:
    """An empty Redis Cluster whose masters share the slots; a node that is lost is missed after 5 s."""
    cluster = RedisCluster()
    with ExitStack() as stack:
        for number in range(nodes):
            home = folder / f"node{number}"
            home.mkdir(parents=True, exist_ok=True)
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"]
            options += ["--cluster-require-full-coverage", "no"]
            cluster.nodes.append(stack.enter_context(redis_server(home, durable=durable, options=options)))
        _join(cluster.nodes)
        yield cluster


@contextmanager
def postgres_server(folder: Path) -> Iterator[Postgres]:
    """An empty Postgres server, not synced to disk: it survives kill -9 of itself and not a power cut.

    It refuses to run as root, so root starts it as another user, in a temporary folder that this user can reach.
    """
    user = _other_user() if os.geteuid() == 0 else None
    with ExitStack() as stack:
        if user is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gapless-postgres-")))
            shutil.chown(folder, user)
        _init_postgres(folder, user)
        server = started(lambda port: _postgres(folder, port, user))
        stack.callback(server.process.stop)
        yield server


# ---- parts ---------------------------------------------------------------------------------------


def _redis(folder: Path, port: int, durable: bool, options: Sequence[str]) -> Redis:
    (program,) = ensure("redis-server")
    keep = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", *keep, *options]
    log = folder / "redis.log"
    return Redis(port, Process(command, log, lambda: _redis_answer(port, "PING") is True))


def _redis_answer(port: int, *command: str) -> Any:
    """The answer to one command; None while nobody gives one."""
    import redis

    with redis.Redis("127.0.0.1", port, decode_responses=True, protocol=2) as client:
        try:
            return client.execute_command(*command)
        except (redis.ConnectionError, redis.TimeoutError):
            return None


def _join(nodes: Sequence[Redis]) -> None:
    """Slots are dealt out, everybody meets the first, and the cluster is whole for each."""
    for number, node in enumerate(nodes):
        first, last = (16384 * n // len(nodes) for n in (number, number + 1))
        _redis_answer(node.port, "CLUSTER", "ADDSLOTSRANGE", str(first), str(last - 1))
        _redis_answer(node.port, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        _redis_answer(node.port, "CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port))
    _wait(lambda: all(_is_whole(node, len(nodes)) for node in nodes))


def _is_whole(node: Redis, nodes: int) -> bool:
    facts = dict(line.split(":", 1) for line in (_redis_answer(node.port, "CLUSTER", "INFO") or "").split())
    wanted = {"cluster_state": "ok", "cluster_slots_ok": "16384", "cluster_known_nodes": str(nodes)}
    return wanted.items() <= facts.items()


def _init_postgres(folder: Path, user: str | None) -> None:
    (program,) = ensure("initdb")
    command = [program, "-D", str(folder / "data"), "-U", "gapless", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    out = subprocess.run([*command, "--no-sync"], capture_output=True, text=True, user=user, cwd=folder)
    assert out.returncode == 0, out.stderr


def _postgres(folder: Path, port: int, user: str | None) -> Postgres:
    (program,) = ensure("postgres")
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "16MB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [program, "-D", str(folder / "data"), "-p", str(port), *options]
    ready = lambda: _postgres_answers(port)  # noqa: E731
    return Postgres(port, Process(command, folder / "postgres.log", ready, signal.SIGINT, user))


def _postgres_answers(port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(f"postgresql://gapless@127.0.0.1:{port}/postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _other_user() -> str:
    """Somebody who is not root."""
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def started(make: Callable[[int], Any]) -> Any:
    """The server that `make` gives for a port, running."""
    for _ in range(5):
        server = make(free_port())
        try:
            server.process.start()
        except RuntimeError as problem:
            if "ddress already in use" not in str(problem):
                raise
        else:
            return server
    raise RuntimeError("no port stayed free long enough")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has now; the one 10,000 above it, where Redis nodes speak, is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if port < 55_000 and _binds(second, port + 10_000):
                return port


def _binds(other: socket.socket, port: int) -> bool:
    try:
        other.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _dies_with_us() -> list[str]:
    """The system kills the server when the thread that started it ends, however it does; Linux only."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL", "--"] if program else []


def _wait(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + _START_S
    while not reached():
        assert time.monotonic() < end, "a server did not answer in time"
        time.sleep(_PAUSE_S)
