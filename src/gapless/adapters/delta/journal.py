"""One writer at a time, and the note that lets the next writer clean up after one that died.

    <table>/_gapless/lock      flock: the system lets go of it when the process dies, however it dies
    <table>/_gapless/writing   {"token", "version", "files"}: names of an append that has not finished
    <table>/<name>-<token>.parquet

A name in `writing` belongs to the table if and only if the log entry of that version holds it: that is all of recovery.
Both live in a folder that starts with "_", which Delta readers and vacuum leave alone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Disk", "Intent", "Journal"]


@dataclass(frozen=True)
class Disk:
    """What makes bytes durable; a parameter so that a test can lose the power."""

    fsync: Callable[[int], None] = os.fsync

    def sync(self, path: Path) -> None:
        """The content of a file, or the names in a folder, are on stable storage."""
        handle = os.open(path, os.O_RDONLY)
        try:
            self.fsync(handle)
        finally:
            os.close(handle)

    def replace(self, path: Path, text: str) -> None:
        """The file holds exactly this text, durably; a reader sees the old text or the new one."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text, encoding="utf-8")
        self.sync(fresh)
        fresh.replace(path)
        self.sync(path.parent)

    def make_folder(self, path: Path) -> None:
        """The folder and its parents exist, durably."""
        if path.is_dir():
            return
        self.make_folder(path.parent)
        path.mkdir(exist_ok=True)
        self.sync(path.parent)


@dataclass(frozen=True)
class Intent:
    """An append under way: the names it may have written, the version it is going to commit, how many batches it is."""

    token: str
    version: int
    files: tuple[str, ...] = ()
    batches: int = 1


class Journal:
    """The lock and the note of one table."""

    def __init__(self, table: Path, disk: Disk) -> None:
        self._table = table
        self._disk = disk
        self._folder = table / "_gapless"
        self._note = self._folder / "writing"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the table; waits for whoever has it. What a dead writer left is settled first."""
        self._disk.make_folder(self._folder)
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.settle()
            yield
        finally:
            os.close(handle)

    def unsettled(self) -> bool:
        """Whether an append has begun that is neither finished nor undone."""
        return self._note.exists()

    def begin(self, intent: Intent) -> None:
        """From here on the files of `intent` can be found again, even by another process."""
        self._disk.replace(self._note, json.dumps(asdict(intent)))

    def settle(self) -> bool:
        """Finishes or undoes the append in the note, if any; returns whether it was committed. Only under the lock."""
        intent = self._read()
        if intent is None:
            return False
        entry = self._table / "_delta_log" / f"{intent.version:020d}.json"
        committed = _finish(entry, intent, self._disk)
        if not committed:
            self._remove_files(intent)
        self._note.unlink()
        self._disk.sync(self._folder)
        return committed

    def _read(self) -> Intent | None:
        try:
            return Intent(**json.loads(self._note.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _remove_files(self, intent: Intent) -> None:
        for orphan in self._table.glob(f"*-{intent.token}.parquet"):
            orphan.unlink()


def _finish(entry: Path, intent: Intent, disk: Disk) -> bool:
    """Whether the log entry holds the whole append; one that holds part of it was never acknowledged and goes away."""
    if not entry.exists():
        return False
    actions = _actions(entry)
    if actions is not None and not any(_is_commit_of(action, intent.token) for action in actions):
        return False  # somebody else's commit
    whole = actions is not None and _is_whole(actions, intent)
    if not whole:
        entry.unlink()
    else:
        disk.sync(entry)
    disk.sync(entry.parent)
    return whole


def _is_whole(actions: list[dict[str, dict[str, object]]], intent: Intent) -> bool:
    """Entries are cut short between actions too: count what must be there."""
    kinds = Counter(kind for action in actions for kind in action)
    added = {action["add"]["path"] for action in actions if "add" in action}
    begins = intent.version > 0 or (kinds["metaData"] == 1 and kinds["protocol"] == 1)
    return added == set(intent.files) and kinds["txn"] == 1 + intent.batches and begins


def _is_commit_of(action: dict[str, dict[str, object]], token: str) -> bool:
    return action.get("commitInfo", {}).get("gapless") == token


def _actions(entry: Path) -> list[dict[str, dict[str, object]]] | None:
    """None for an entry that was cut short: empty, or ending inside an action."""
    try:
        return [json.loads(line) for line in entry.read_bytes().splitlines()] or None
    except ValueError:
        return None
