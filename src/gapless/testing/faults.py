"""A fault is an input: crashes at a point, errors, power cuts. A store takes each as its `fault` or `fsync`."""

from __future__ import annotations

import json
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Crash", "CrashAtCall", "FailAt", "KillAt", "KillAtCall", "RecordedSync", "cut_power"]


@dataclass(frozen=True)
class KillAt:
    """A fault that ends the process, as kill -9 does, at the n-th passing of a point (of one table, where given)."""

    point: str
    table: str | None = None
    passing: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "_left", [self.passing])

    def __call__(self, point: str, table: str) -> None:
        if point != self.point or self.table not in (None, table):
            return
        left: list[int] = self.__dict__["_left"]
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class KillAtCall:
    """A fault that ends the process at its n-th call, whatever point that is."""

    def __init__(self, call: int) -> None:
        self.left = call

    def __call__(self, point: str, table: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Crash(BaseException):
    """What CrashAtCall raises; like a kill, it is nothing that the code under test would catch and go on."""


class CrashAtCall:
    """A fault that raises Crash at its n-th call: an end of the process that costs microseconds.

    What the code does on its way out (closing files, ending a transaction) must be what the system would do for a
    process that was killed; a sample of real kills shows that it is.
    """

    def __init__(self, call: int) -> None:
        self.left = call

    def __call__(self, point: str, table: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash(point, table)


@dataclass(frozen=True)
class FailAt:
    """A fault that raises at a point."""

    point: str
    error: Exception

    def __call__(self, point: str, table: str) -> None:
        if point == self.point:
            raise self.error


@dataclass(frozen=True)
class RecordedSync:
    """In place of os.fsync: writes down what is on stable storage now, so that `cut_power` can take away the rest."""

    record: Path

    def __call__(self, handle: int) -> None:
        with self.record.open("a", encoding="utf-8") as file:
            file.write(_state(os.readlink(f"/proc/self/fd/{handle}")))


def cut_power(root: Path, record: Path, *, seed: int) -> None:
    """What a power cut may leave of `root`: all that was synced, and of the rest whatever chance keeps.

    A name that is not synced is kept or lost; a file that is not synced keeps some first part of its bytes.
    What is left is on the disk: from here on it counts as synced.
    """
    synced: dict[int, dict[str, Any]] = {}
    if record.exists():
        synced = {line["inode"]: line for line in map(json.loads, record.read_text(encoding="utf-8").splitlines())}
    _cut_folder(root, synced, random.Random(seed))
    left = [_state(path) for path in [root, *root.rglob("*")] if path != record]
    record.write_text("".join(left), encoding="utf-8")


def _state(path: str | Path) -> str:
    """One line of the record."""
    state = os.stat(path)
    kept = {"names": os.listdir(path)} if os.path.isdir(path) else {"size": state.st_size}
    return json.dumps({"inode": state.st_ino} | kept) + "\n"


def _cut_folder(folder: Path, synced: dict[int, dict[str, Any]], chance: random.Random) -> None:
    safe = synced.get(folder.stat().st_ino, {}).get("names", [])
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            _cut_folder(path, synced, chance)
            if path.name not in safe and chance.random() < 0.5 and not any(path.iterdir()):
                path.rmdir()
        elif path.name not in safe and chance.random() < 0.5:
            path.unlink()
        else:
            kept = synced.get(path.stat().st_ino, {}).get("size", 0)
            size = path.stat().st_size
            os.truncate(path, size if kept >= size else chance.choice([kept, chance.randint(kept, size), size]))
