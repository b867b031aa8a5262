"""A server under load: started, waited for, asked by wrk, its CPU time read from the kernel, stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import ROOT
from scripts.servers import ensure

__all__ = ["Asked", "Load", "Server", "ask", "counted", "cpu_s", "free_port", "running", "under_load", "wrk"]

READY_S = 120.0


@dataclass(frozen=True)
class Server:
    """How to start a server and what to ask it.

    Parameters:
        command, environment — start it; "{port}" becomes a free port.
        path — what is asked; ready — what answers 200 once it can be asked.
    """

    name: str
    command: Sequence[str]
    path: str
    ready: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A running server."""

    server: Server
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.server.path}"


@dataclass(frozen=True)
class Load:
    """What wrk counted, and what the server's processes used meanwhile."""

    requests: int
    seconds: float
    p50_us: int
    p99_us: int
    max_us: int
    errors: int
    cpu_s: float = 0.0

    @property
    def cpu_us(self) -> float:
        """CPU time of the server per request."""
        return self.cpu_s / max(self.requests, 1) * 1e6

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def figures(self, name: str) -> dict[str, float]:
        """As a benchmark reports them."""
        told = {"cpu_us": self.cpu_us, "per_s": self.per_second, "p50_ms": self.p50_us / 1e3}
        told |= {"p99_ms": self.p99_us / 1e3, "errors": self.errors}
        return {f"{name}_{key}": value for key, value in told.items()}


@contextmanager
def running(server: Server, scratch: Path) -> Iterator[Asked]:
    """The server answers until the block ends; what it says goes to a file in `scratch`."""
    port = free_port()
    command = [part.replace("{port}", str(port)) for part in server.command]
    # One thread each: those of OpenMP would wait for each other on the cores that wrk needs.
    more = {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    more |= {name: text.replace("{port}", str(port)) for name, text in server.environment.items()}
    said = scratch / f"{server.name}.txt"
    with said.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **more}, stdout=out, stderr=out, start_new_session=True
        )
        try:
            _wait(process, Asked(server, port, process.pid), said)
            yield Asked(server, port, process.pid)
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], asked: Asked, said: Path) -> None:
    until = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < until:
        try:
            if ask(asked, "GET", asked.server.ready)[0] == 200:
                return
        except OSError:
            pass  # not listening yet
        time.sleep(0.1)
    tail = said.read_text(errors="replace")[-3000:]
    raise SystemExit(f"bench: {asked.server.name} did not get ready (exit code {process.poll()})\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Its whole session, workers included."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, way)
            process.wait(20)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def ask(asked: Asked, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request: status and the parsed answer, None where it is not JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=30)
    try:
        text = None if body is None else body if isinstance(body, str) else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    try:
        return answer.status, json.loads(data)
    except ValueError:
        return answer.status, None


def under_load(asked: Asked, bodies: Path, *, seconds: float, connections: int = 16) -> Load:
    """What it takes to answer as fast as it can, after a warm-up of a fifth of the time."""
    _counted(wrk(asked.url, bodies, seconds=max(seconds / 5, 1), connections=connections))
    before = cpu_s(asked.pid)
    found = _counted(wrk(asked.url, bodies, seconds=seconds, connections=connections))
    return Load(**found, cpu_s=cpu_s(asked.pid) - before)


def wrk(url: str, bodies: Path, *, seconds: float, connections: int, pause_ms: int = 0) -> subprocess.Popen[str]:
    """Running; SIGINT ends it early, with what it counted until then."""
    (program,) = ensure("wrk")
    script = str(Path(__file__).with_name("load.lua"))
    size = ["-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "20s"]
    command = [program, *size, "-s", script, url, "--", str(bodies), str(pause_ms)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)


def _counted(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"bench: wrk failed\n{out}")
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def counted(process: subprocess.Popen[str]) -> Load:
    """What a wrk that runs, or has been told to stop, counted in the end."""
    return Load(**_counted(process))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def cpu_s(pid: int) -> float:
    """User and system time of a process and all below it, those that ended included."""
    below: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:  # it ended
                continue
            below.setdefault(int(fields[1]), []).append(int(entry.name))
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    todo, total = [pid], 0
    while todo:
        one = todo.pop()
        total += ticks.get(one, 0)
        todo += below.get(one, [])
    return total / os.sysconf("SC_CLK_TCK")
