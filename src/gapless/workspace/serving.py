"""A server of a workspace: settings and flags in, a listening socket and applications for its workers out."""

from __future__ import annotations

import ipaddress
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gapless.adapters.segments import BufferedLog, SegmentLog
from gapless.clock import SteadyClock
from gapless.deploying import Guard
from gapless.errors import SettingsError
from gapless.serving.http import (
    Application,
    Door,
    Drain,
    GuardedDoor,
    Limits,
    Listening,
    LocalDoor,
    LogState,
    Meters,
    OpenDoor,
    Pushing,
    Service,
    Workers,
    listen,
)
from gapless.workspace.logs import check_log, open_log
from gapless.workspace.parts import Parts
from gapless.workspace.stores import check_events

if TYPE_CHECKING:
    from gapless.workspace.workspace import Workspace

__all__ = ["Serving", "WorkerApplication", "opened"]

Access = Literal["tokens", "local", "open"]


@dataclass(frozen=True)
class Serving:
    """How a server runs.

    Parameters:
        host, port — where it listens; port 0 takes a free one.
        workers — processes.
        insecure — let everybody in on an address that others can reach.
        tokens — ask for tokens on loopback too, as behind a proxy on this machine.
        log — "sync": an answer waits until the prediction log holds it on disk; "async": it does not.
        drain_s — the longest time between SIGTERM and the end, in which clients are told to leave.
        allow_pickle — open versions with runtime="python" too, whose pickles then run.
        certificate, key — PEM files, for TLS without a proxy.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    insecure: bool = False
    tokens: bool = False
    log: Literal["sync", "async"] = "sync"
    drain_s: float = 5.0
    allow_pickle: bool = False
    certificate: Path | None = None
    key: Path | None = None
    limits: Limits = field(default_factory=Limits)


@contextmanager
def opened(parts: Parts, serving: Serving) -> Iterator[tuple[Listening, Access]]:
    """A bound socket with what its workers run, and who is let in; the socket is closed at the end.

    Raises: SettingsError for an address that others can reach without a token in force, for one that is taken, for a
        log that is not in files and for an event log that is none; MissingExtra; StorageError for a log whose folder
        cannot be had or not be written to; Transient where the tokens cannot be read.
    """
    access = _access(parts, serving)
    check_log(parts.settings)
    check_events(parts.settings)
    # The workers' counts, which outlive a worker and not the server.
    with tempfile.TemporaryDirectory(prefix="gapless-counts-") as counts:
        application = WorkerApplication(parts.settings.folder, serving, access, Path(counts))
        with listen(serving.host, serving.port) as socket:
            yield Listening(socket, application, serving.workers, serving.certificate, serving.key), access


def _access(parts: Parts, serving: Serving) -> Access:
    if serving.insecure:
        return "open"
    if is_loopback(serving.host) and not serving.tokens:
        return "local"
    guard = _guard(parts, 1)
    guard.refresh()
    if not guard.has_tokens:
        raise SettingsError(
            "nobody could ask this server: it needs tokens, and there is none in force",
            seen=serving.host,
            allowed="a loopback address such as 127.0.0.1, or tokens",
            next_step="gapless token create NAME --role predict, or --insecure to let in everybody who can reach it",
        )
    return "tokens"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; of names, only localhost is known to be such.

    Examples:
        >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "example.org")]
        [True, True, True, False, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class WorkerApplication:
    """Makes the application inside a worker: files, connections and threads are opened there and not before."""

    folder: Path
    serving: Serving
    access: Access
    counts: Path

    def __call__(self) -> Application:
        """The application of this process. Raises: SettingsError and whatever opening the workspace raises."""
        from gapless.workspace.workspace import Workspace

        workspace, serving = Workspace.open(self.folder), self.serving
        log, meters = open_log(workspace.settings, mode=serving.log), Meters(pid=os.getpid())
        door, close_door = self._door(workspace)
        service = Service(
            models=workspace.live(allow_pickle=serving.allow_pickle),
            log=log,
            door=door,
            clock=SteadyClock(workspace.clock),
            ticks=time.perf_counter,
            meters=meters,
            drain=Drain(serving.drain_s),
            limits=serving.limits,
            workers=Workers(self.counts, meters),
            log_state=partial(_state_of, log),
            pushing=_pushing(workspace, serving.limits),
        )
        closing = [log.close, close_door, workspace.metadata.close, workspace.events.close]
        return Application(service, closing=closing)

    def _door(self, workspace: Workspace) -> tuple[Door, Any]:
        if self.access == "tokens":
            guard = _guard(workspace, self.serving.workers).start()
            return GuardedDoor(guard), guard.close
        return (OpenDoor() if self.access == "open" else LocalDoor()), _nothing


def _pushing(parts: Parts, limits: Limits) -> Pushing:
    """The product loads with the first event, or with the first model."""
    return Pushing(
        parts.pusher,
        lambda: parts.product.all_sources,
        time.perf_counter,
        rows=limits.rows,
        seconds=limits.seconds,
        inline_bytes=limits.inline_bytes,
    )


def _state_of(log: SegmentLog | BufferedLog) -> LogState:
    problem = log.problem
    fault = None if problem is None else problem.what
    return LogState(fault, log.at_risk, log.lost) if isinstance(log, BufferedLog) else LogState(fault)


def _guard(parts: Parts, workers: int) -> Guard:
    return Guard(parts.metadata.tokens, parts.clock, monotonic=time.monotonic, workers=workers)


def _nothing() -> None:
    """Nothing to close."""
