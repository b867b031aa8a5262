"""uvicorn with one thing changed: on SIGTERM it first says that it goes away, and goes when its clients have left."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from uvicorn import Config, Server
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from gapless.errors import SettingsError
from gapless.serving.http.app import Application

__all__ = ["Listening", "listen", "run"]

_BACKLOG = 2048
_DYING_S = 1.0
_LOG = logging.getLogger("gapless.serving")


@dataclass(frozen=True)
class Listening:
    """Where a server listens and how it runs.

    Parameters:
        application — makes the application in each worker, so it crosses to another process: a frozen value with
            `__call__`, not a closure.
        workers — processes; with more than one, a supervisor starts another one where one dies.
        certificate, key — PEM files, for TLS without a proxy.
    """

    socket: socket.socket
    application: Callable[[], Application]
    workers: int = 1
    certificate: Path | None = None
    key: Path | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.certificate else 'http'}://{shown}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound; port 0 takes a free one.

    Raises: SettingsError where it cannot be.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return _bound(socket.socket(family, kind, protocol), address)
    except (OSError, OverflowError, UnicodeError) as error:
        raise SettingsError("cannot listen", seen=f"{host}:{port}: {error}", next_step=_way_out(error)) from None


def _way_out(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "choose a --port above 1023, or run it with the right to take this one"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "choose another --port, or stop what listens there"
    return "choose a --host that is an address of this machine, such as 127.0.0.1 or 0.0.0.0, and a --port up to 65535"


def _bound(made: socket.socket, address: Any) -> socket.socket:
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def run(listening: Listening) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises: SettingsError where a worker could not start; its log says why.
    """
    config = _config(listening)
    if listening.workers == 1:
        _DrainingServer(config).run([listening.socket])
        return
    supervisor = _Supervisor(config, [listening.socket])
    supervisor.run()
    if supervisor.failed:
        raise SettingsError("a worker could not start", next_step="its messages above say why")


def _config(listening: Listening) -> Config:
    return Config(
        listening.application,
        factory=True,
        interface="asgi3",
        lifespan="on",
        workers=listening.workers,
        access_log=False,  # a line per request costs more than the request; metrics count them
        log_level="warning",
        proxy_headers=False,  # nothing here depends on who the client is
        server_header=False,
        ws="none",
        timeout_keep_alive=75,  # longer than balancers keep an idle connection: who closes first must be the client
        timeout_graceful_shutdown=60,
        timeout_worker_healthcheck=30,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
    )


class _DrainingServer(Server):
    """Turns SIGTERM into a drain, which a second one to the same process, or SIGINT, cuts short.

    Parameters:
        parent — the process whose end is this one's too; None: it stands by itself.
    """

    def __init__(self, config: Config, *, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        application = self._application()
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
        elif application is None or application.service.drain.begun:
            self.should_exit = True  # uvicorn's own way would raise the signal once more at the end, for who waits
        else:
            application.service.drain.begin(application.service.ticks())

    async def on_tick(self, counter: int) -> bool:
        application = self._application()
        if application is not None:
            drain, now_s = application.service.drain, application.service.ticks()
            if self._parent not in (None, os.getppid()):  # a supervisor that was killed: nobody would ever stop this
                drain.begin(now_s)
            if drain.over(now_s, connections=len(self.server_state.connections)):
                self.should_exit = True
        return await super().on_tick(counter)

    def _application(self) -> Application | None:
        made: Any = getattr(self.config, "loaded_app", None)
        return made if self.started and isinstance(made, Application) else None


class _Worker(Process):
    """A worker process with our server in it. `was_ready`: it has answered once that its server had started."""

    was_ready = False

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        self._parent = os.getpid()  # asked in the worker it would be another's, where the supervisor is gone by then
        super().__init__(config, sockets)

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = _DrainingServer(self.config, parent=self._parent)
        return self._server

    def ping(self, timeout: float = 5) -> bool:
        state = self._healthcheck(timeout)
        self.was_ready |= state is True
        return state is not None


class _Supervisor(Multiprocess):
    """Starts workers anew where they die: uvicorn's, whose methods that make a worker make one of ours.

    Where none has ever been ready, starting them again would go on for ever: `failed`, and it ends.
    """

    failed = False
    _was_ready = False

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            self.processes.append(self._started())

    def keep_subprocess_alive(self) -> None:
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set() or self._is_alive(process):
                continue
            process.process.join(_DYING_S)  # its end of the pipe is closed a moment before it is gone
            hangs = process.process.is_alive()
            process.kill()
            process.join()
            if self._was_ready or (process.exitcode or 0) <= 0:  # below 0: it did not fail, it was killed
                self.processes[index] = self._started()
                _LOG.error("%s; worker %s takes its place", _end_of(process, hangs=hangs), self.processes[index].pid)
            else:
                self.failed = True
                self.should_exit.set()

    def _is_alive(self, process: Process) -> bool:
        alive = process.is_alive(timeout=self.config.timeout_worker_healthcheck)
        self._was_ready |= isinstance(process, _Worker) and process.was_ready
        return alive

    def handle_hup(self) -> None:
        """One worker after the other is replaced: it drains while the others answer."""
        for index, process in enumerate(self.processes):
            process.terminate()
            process.join()
            self.processes[index] = self._started()

    def handle_ttin(self) -> None:
        self.processes.append(self._started())

    def _started(self) -> _Worker:
        process = _Worker(self.config, self.sockets)
        process.start()
        process.child_conn.close()  # else its end would stay open here, and a dead worker would be waited for
        return process


def _end_of(process: Process, *, hangs: bool) -> str:
    """How a worker came to its end, for who reads the log."""
    code = process.exitcode or 0
    if hangs:
        return f"worker {process.pid} did not answer and was killed"
    return (
        f"worker {process.pid} died of signal {-code}" if code < 0 else f"worker {process.pid} ended with code {code}"
    )
