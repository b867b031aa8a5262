"""The topics of a folder: what there is, with how many partitions.

<folder>/topics/<topic>/topic.json        {"format": 1, "partitions": 8}; the topic is there once this is
<folder>/topics/<topic>/<partition>/      made with the first record: head, 00000000000000000000.log …
<folder>/topics.lock                      held by whoever makes a topic
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import Any

from gapless.adapters.segments.disk import Disk
from gapless.adapters.segments.durable import make_folder, replace_file
from gapless.errors import CorruptData, InputError, NotFound
from gapless.ports.events import MAX_PARTITIONS

__all__ = ["TopicFolder", "checked_name"]

_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")


class TopicFolder:
    """Makes and finds topics. Their files are never changed, so that what was found once is kept."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder, self._disk = folder, disk
        self._known: dict[str, int] = {}

    def create(self, topic: str, partitions: int) -> int:
        """See EventLog.create."""
        checked_name(topic)
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise InputError(
                "a number of partitions is out of range", seen=partitions, allowed=f"1 to {MAX_PARTITIONS}"
            )
        there = self._find(topic)
        return there if there is not None else self._create(topic, partitions)

    def partitions(self, topic: str) -> int:
        """How many there are. Raises: NotFound, InputError, CorruptData."""
        count = self._known.get(topic)
        if count is None:
            count = self._find(checked_name(topic))
        if count is None:
            raise NotFound(
                "no such topic in the event log", seen=topic, next_step="create it first", where=str(self._folder)
            )
        return count

    def path(self, topic: str, partition: int) -> Path:
        """The folder of a partition."""
        return self._folder / "topics" / topic / str(partition)

    def _create(self, topic: str, partitions: int) -> int:
        file = self._file(topic)
        make_folder(file.parent, self._disk.fsync)
        lock = os.open(self._folder / "topics.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            there = self._find(topic)
            if there is None:
                self._disk.fault("creating", topic)
                text = json.dumps({"format": _FORMAT, "partitions": partitions})
                replace_file(file, text.encode(), self._disk.fsync)
                self._disk.fault("created", topic)
        finally:
            os.close(lock)
        return self.partitions(topic)

    def _find(self, topic: str) -> int | None:
        file = self._file(topic)
        try:
            text = file.read_bytes()
        except FileNotFoundError:
            return None
        self._known[topic] = count = _partitions_in(text, file)
        return count

    def _file(self, topic: str) -> Path:
        return self._folder / "topics" / topic / "topic.json"


def checked_name(name: str) -> str:
    """The name of a topic or group. Raises: InputError for one that is none."""
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise InputError("a name is out of range", seen=name, allowed="letters, digits, `.`, `_` and `-`, up to 200")
    return name


def _partitions_in(text: bytes, file: Path) -> int:
    try:
        found: Any = json.loads(text)
        count = found["partitions"] if found["format"] == _FORMAT else None
    except (ValueError, KeyError, TypeError):
        count = None
    if not isinstance(count, int) or not 1 <= count <= MAX_PARTITIONS:
        raise CorruptData(
            "a topic of the event log is damaged, or of another version",
            where=str(file),
            seen=text[:100],
            allowed=f'{{"format": {_FORMAT}, "partitions": 1 to {MAX_PARTITIONS}}}',
            next_step="bring the file back from a backup, or use the version of gapless that wrote it",
        )
    return count
