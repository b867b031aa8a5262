"""The processes of a server: one that drains before it ends, workers of it, and who starts them anew where they die."""

from __future__ import annotations

import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

from uvicorn import Config, Server
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from gapless.serving.http.app import Application

__all__ = ["DrainingServer", "Supervisor", "Worker"]

_DYING_S = 1.0
_LOG = logging.getLogger("gapless.serving")


class DrainingServer(Server):
    """Turns SIGTERM into a drain, which a second one to the same process, or SIGINT, cuts short.

    Parameters:
        parent — the process whose end is this one's too; None: it stands by itself.
    """

    def __init__(self, config: Config, *, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM begins a drain, every other signal ends it."""
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


class Worker(Process):
    """A worker process with our server in it. `was_ready`: it has answered once that its server had started."""

    was_ready = False

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        self._parent = os.getpid()  # asked in the worker it would be another's, where the supervisor is gone by then
        super().__init__(config, sockets)

    @property
    def server(self) -> Server:
        """Ours; made in the worker's own process."""
        if self._server is None:
            self._server = DrainingServer(self.config, parent=self._parent)
        return self._server

    def ping(self, timeout: float = 5) -> bool:
        """Whether it answers; remembers that it was ready once."""
        state = self._healthcheck(timeout)
        self.was_ready |= state is True
        return state is not None


class Supervisor(Multiprocess):
    """Starts workers anew where they die: uvicorn's, whose methods that make a worker make one of ours.

    Where none has ever been ready, starting them again would go on for ever: `failed`, and it ends.
    """

    failed = False
    _was_ready = False

    def init_processes(self) -> None:
        """All workers are started."""
        for _ in range(self.processes_num):
            self.processes.append(self._started())

    def keep_subprocess_alive(self) -> None:
        """Whoever has died or hangs is replaced, and the log says so."""
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
        self._was_ready |= isinstance(process, Worker) and process.was_ready
        return alive

    def handle_hup(self) -> None:
        """One worker after the other is replaced: it drains while the others answer."""
        for index, process in enumerate(self.processes):
            process.terminate()
            process.join()
            self.processes[index] = self._started()

    def handle_ttin(self) -> None:
        """One worker more."""
        self.processes.append(self._started())

    def _started(self) -> Worker:
        process = Worker(self.config, self.sockets)
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
