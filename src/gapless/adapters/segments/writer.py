"""SegmentLog: the PredictionLog port on local files.

    append ─► waiting calls ─► the writer's thread: all that wait as one block ─ write ─ fdatasync ─► each `done`
                                    └ large or old enough? seal it, the next entry begins a new file

A crash after any step leaves what was acknowledged, and of the rest a whole block or nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from gapless.adapters.segments.blocks import MARK, encode
from gapless.adapters.segments.durable import write_all
from gapless.adapters.segments.failures import storage_error
from gapless.adapters.segments.folder import LogFolder, OpenSegment
from gapless.clock import MINUTE, Clock, SystemClock
from gapless.errors import StorageError
from gapless.faults import Fault, no_fault
from gapless.ports.prediction_log import Done

__all__ = ["WRITE_POINTS", "Rotation", "SegmentLog"]

WRITE_POINTS = ("taken", "opened", "written", "synced", "told", "sealing", "sealed")
"""Where `fault(point, segment)` is called by the writer's thread, in order."""

_PROBE_EVERY_S = 1.0

Call = tuple[Sequence[bytes], Done]


@dataclass(frozen=True)
class Rotation:
    """When a segment is sealed, so that readers get it: larger ones are fewer files, younger ones are sooner there.

    Parameters:
        max_bytes — a file is sealed once it holds as much; also the most that one sync writes, but for a single call
            with more.
        max_age_us — and once it is that old, also where nothing more comes.
    """

    max_bytes: int = 1 << 26
    max_age_us: int = MINUTE


class SegmentLog:
    """One writer's end of a log: its own file in a folder that many writers share.

    Open it after a fork: it has a thread.

    Parameters:
        folder — made with the first entry.
        gather_us — how long a sync waits for more calls, where the one before it had several. More is less work for
            disk and processor, and a later `done` under load; a call that comes alone never waits.
        ahead_bytes — zeros that are written behind the end, once in a while: a sync of bytes in the middle of a file
            takes a fraction of one that makes the file longer. The most of a disk that is left unused when it is full.
        fault — called at each of WRITE_POINTS; a test raises or kills the process there.
        fdatasync, fsync — what makes a file descriptor durable: its data, or a folder's names.

    Guarantees: `done(None)` comes after fdatasync. Where the disk refuses, `done` gets a StorageError, the file is
        brought back to what was acknowledged, and the log goes on as soon as the disk does: it tries by itself.
        Safe to call from several threads; `done` is called from the log's own thread and must not raise.

    Cost: one write and one fdatasync, about 0.1 ms of processor time, for all calls that came meanwhile; nothing while
        idle.

    Examples:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> log = SegmentLog(folder)
        >>> log.append([b"one", b"two"], lambda problem: None)
        >>> log.close()
        >>> from gapless.adapters.segments import SegmentReader
        >>> reader = SegmentReader(folder)
        >>> [entry for segment in reader.sealed() for entry in reader.read(segment)]
        [b'one', b'two']
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        rotation: Rotation = Rotation(),
        gather_us: int = 1_000,
        ahead_bytes: int = 1 << 20,
        clock: Clock | None = None,
        fault: Fault = no_fault,
        fdatasync: Callable[[int], None] = os.fdatasync,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._folder = LogFolder(Path(folder).absolute(), fsync)
        self._rotation, self._gather_s, self._clock = rotation, gather_us / 1e6, clock or SystemClock()
        self._ahead = min(ahead_bytes, rotation.max_bytes)
        self._fault, self._fdatasync = fault, fdatasync
        self._waiting: list[Call] = []
        self._changed = threading.Condition()
        self._closing = self._stopped = self._crowded = False
        self._segment: OpenSegment | None = None
        self._problem: StorageError | None = None
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> StorageError | None:
        """Why entries cannot be written now; None where the last sync went well. The log looks again every second."""
        return self._problem

    def append(self, entries: Sequence[bytes], done: Done) -> None:
        """See PredictionLog.append."""
        with self._changed:
            if not (self._closing or self._stopped):
                self._waiting.append((entries, done))
                if len(self._waiting) == 1:
                    self._changed.notify()
                return
        done(StorageError("the prediction log is closed", where=str(self._folder.path)))

    def close(self) -> None:
        """See PredictionLog.close. Calling it again does nothing."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while (calls := self._next_calls()) is not None:
                if calls or self._problem is not None:
                    self._flush(calls)
                if self._is_due():
                    self._seal()
            self._seal()
        finally:
            self._stop()

    def _next_calls(self) -> list[Call] | None:
        """What waits, up to the size of a sync; nothing where it is time to look at something; None at the end."""
        with self._changed:
            if not self._waiting and not self._closing:
                self._changed.wait(self._patience_s())
            if self._waiting and self._crowded and not self._closing:
                self._changed.wait(self._gather_s)  # only close wakes it
            if not self._waiting:
                return None if self._closing else []
            count = _fitting(self._waiting, self._rotation.max_bytes)
            calls, self._waiting = self._waiting[:count], self._waiting[count:]
            self._crowded = count > 1
            return calls

    def _patience_s(self) -> float | None:
        if self._problem is not None:
            return _PROBE_EVERY_S
        if self._segment is None:
            return None
        age = self._clock.now_us() - self._segment.opened_us
        return min(max(self._rotation.max_age_us - age, 1_000), self._rotation.max_age_us) / 1e6

    def _flush(self, calls: list[Call]) -> None:
        """All of it in one block; an empty one where it is only tried whether the disk takes something again."""
        problem: StorageError | None = None
        try:
            self._write(list(chain.from_iterable(entries for entries, _ in calls)))
        except OSError as error:
            problem = storage_error(error, self._folder.path, "write to the prediction log")
            self._undo()
        self._problem = problem
        for _, done in calls:
            done(problem)
        self._fault("told", self._name())

    def _write(self, items: list[bytes]) -> None:
        self._fault("taken", self._name())
        if self._segment is None:
            self._segment = self._folder.create(self._clock.now_us())
            self._fault("opened", self._name())
        segment = self._segment
        start = segment.size or len(MARK)
        data = encode(items, start) if segment.size else MARK + encode(items, start)
        self._make_room(segment, segment.size + len(data))
        write_all(segment.handle, data, segment.size)
        self._fault("written", self._name())
        self._fdatasync(segment.handle)
        self._fault("synced", self._name())
        segment.size += len(data)
        segment.entries += len(items)

    def _make_room(self, segment: OpenSegment, end: int) -> None:
        """The file is long enough for what is written next, durably."""
        if self._ahead and end > segment.length:
            write_all(segment.handle, bytes(end + self._ahead - segment.length), segment.length)
            self._fdatasync(segment.handle)
            segment.length = end + self._ahead

    def _undo(self) -> None:
        """The file ends with what was acknowledged. It is left alone from here on: after a failed sync nobody knows
        what the disk holds of bytes that were written again to the same place."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            os.ftruncate(segment.handle, segment.size)
            self._fdatasync(segment.handle)
        except OSError:  # without its lock it reads like one of a killed writer, which it now is
            os.close(segment.handle)
        else:
            self._finish(segment)

    def _is_due(self) -> bool:
        segment = self._segment
        if segment is None:
            return False
        age = self._clock.now_us() - segment.opened_us
        return segment.size >= self._rotation.max_bytes or not 0 <= age < self._rotation.max_age_us

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self._finish(segment)

    def _finish(self, segment: OpenSegment) -> None:
        try:
            self._fault("sealing", segment.path.stem)
            self._folder.seal(segment)
        except OSError as error:  # its entries are safe: readers find it by its lock
            self._problem = storage_error(error, segment.path, "seal a segment of the prediction log")
        self._fault("sealed", segment.path.stem)

    def _stop(self) -> None:
        """Nothing is taken any more; whoever still waits, which is nobody unless this thread failed, is told."""
        with self._changed:
            self._stopped = True
            calls, self._waiting = self._waiting, []
        for _, done in calls:
            done(StorageError("the prediction log has stopped", where=str(self._folder.path)))

    def _name(self) -> str:
        return "" if self._segment is None else self._segment.path.stem


def _fitting(calls: Sequence[Call], limit: int) -> int:
    """How many of the first calls go into one sync: at least one."""
    total = 0
    for count, (entries, _) in enumerate(calls):
        total += sum(map(len, entries))
        if total > limit and count:
            return count
    return len(calls)
