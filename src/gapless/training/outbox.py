"""Runs on their way to the tracker: written here first, so that a dead tracker loses nothing.

train ─► put ─► outbox/20131101T…-key/{run.json, artifacts/…} ─► deliver_all ─► tracker ─► the folder goes
                                                 └─ tracker dead: it stays, and the next delivery takes it
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gapless.bundle import as_json
from gapless.bundle.folder import sync_folder, write_folder
from gapless.clock import format_instant
from gapless.errors import CorruptData, GaplessError, RemoteError, StorageError
from gapless.ports.tracker import RunRecord, Tracker, VersionRecord

__all__ = ["Delivery", "Outbox"]

_RUN, _ARTIFACTS, _DONE = "run.json", "artifacts", ".delivered-"


@dataclass(frozen=True)
class Delivery:
    """What a delivery did.

    Parameters:
        delivered — versions, in the order in which their runs began.
        waiting — keys of runs that are still here.
        error — why they are; None where none is.
    """

    delivered: tuple[VersionRecord, ...]
    waiting: tuple[str, ...]
    error: GaplessError | None = None

    def version_of(self, key: str) -> VersionRecord | None:
        """The version that the run became; None while it waits."""
        return next((one for one in self.delivered if one.run_key == key), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        delivered = [{"model": one.model, "version": one.version, "run_key": one.run_key} for one in self.delivered]
        error = None if self.error is None else self.error.to_dict()
        return {"delivered": delivered, "waiting": list(self.waiting), "error": error}


class Outbox:
    """A folder of runs that wait for the tracker. Several processes may use it at once.

    Examples:
        >>> Outbox(Path("/nowhere/outbox")).waiting()
        ()
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, run: RunRecord, files: Mapping[str, bytes]) -> RunRecord:
        """The run and its artifacts are here, on stable storage; returns the run with its folder.

        Parameters:
            run — its `artifacts` is ignored.
            files — the artifacts' contents by relative path: `evaluation.json`, `bundle/model.onnx`, ….

        Guarantees: atomic; a key that waits already is left as it is.
        """
        for waiting in self.waiting():
            if waiting.key == run.key:
                return waiting
        target = self._folder / _name(run)
        named = {f"{_ARTIFACTS}/{name}": data for name, data in files.items()}
        write_folder(target, {_RUN: as_json(run.to_dict()), **named})
        return replace(run, artifacts=target / _ARTIFACTS)

    def waiting(self) -> tuple[RunRecord, ...]:
        """The runs that are here, the earliest first.

        Raises: CorruptData for one whose description cannot be read.
        """
        return tuple(_read(folder) for folder in self._folders())

    def deliver_all(self, tracker: Tracker) -> Delivery:
        """Gives every waiting run to the tracker and registers its version, the earliest first.

        Stops at the first that the tracker does not take, so that versions keep the order of their runs; what it
        raised is in the result and not raised again.

        Guarantees: idempotent, also after a kill between any two steps: one run, one version. One delivery at a time.
        """
        delivered: list[VersionRecord] = []
        error: GaplessError | None = None
        with self._alone():
            self._sweep()
            for folder in self._folders():
                try:
                    delivered.append(self._deliver(folder, tracker))
                except (RemoteError, StorageError, CorruptData) as failed:
                    error = failed
                    break
            waiting = tuple(folder.name.rpartition("-")[2] for folder in self._folders())
        return Delivery(tuple(delivered), waiting, error)

    def _deliver(self, folder: Path, tracker: Tracker) -> VersionRecord:
        run = _read(folder)
        version = tracker.register(run, tracker.write_run(run))
        # First out of sight, then away: a kill in between leaves no half of a run to be delivered.
        done = folder.rename(folder.with_name(_DONE + folder.name))
        sync_folder(self._folder)
        shutil.rmtree(done)
        return version

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _sweep(self) -> None:
        for path in self._folder.glob(f"{_DONE}*"):
            shutil.rmtree(path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / ".lock").open("ab")
        except OSError as error:
            raise StorageError("cannot write the outbox", seen=f"{self._folder}: {error}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a kill
            yield


def _name(run: RunRecord) -> str:
    """Sorts by the time at which the run began."""
    return f"{format_instant(run.started_us // 1_000_000 * 1_000_000).replace(':', '')}-{run.started_us:017d}-{run.key}"


def _read(folder: Path) -> RunRecord:
    try:
        document = json.loads((folder / _RUN).read_bytes())
        return RunRecord.from_dict(document, folder / _ARTIFACTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptData(
            "a run in the outbox cannot be read",
            seen=f"{type(error).__name__}: {error}",
            next_step="move its folder away; the runs behind it are delivered then",
            where=str(folder / _RUN),
        ) from error
