"""uvicorn with one thing changed: on SIGTERM it first says that it goes away, and goes when its clients have left."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uvicorn import Config

from gapless.errors import SettingsError
from gapless.serving.http.app import Application
from gapless.serving.http.supervising import DrainingServer, Supervisor

__all__ = ["Listening", "listen", "run"]

_BACKLOG = 2048


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
        DrainingServer(config).run([listening.socket])
        return
    supervisor = Supervisor(config, [listening.socket])
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
