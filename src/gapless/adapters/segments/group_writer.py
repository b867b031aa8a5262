"""The holder's end of a group's file: it is written anew when the group is taken, and grows by frames from there."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gapless.adapters.segments.disk import Disk
from gapless.adapters.segments.durable import replace_file, write_all
from gapless.adapters.segments.frames import frame_bytes
from gapless.adapters.segments.group_file import (
    Commit,
    State,
    commit_payload,
    done_payload,
    read_state,
    snapshot_payload,
)
from gapless.ports.events import TopicPartition

__all__ = ["GroupWriter"]

_FILE_BYTES = 1 << 24


class GroupWriter:
    """Under the lease of the group, but for `seen` and `close`.

    Where the disk refuses in a way that leaves open what the file holds, it is read again before anything else: no
    commit is made on a state that is not known.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._path, self._group, self._disk = folder / "commits", folder.name, disk
        self._seed = zlib.crc32(folder.name.encode())
        self._handle = -1
        self._state: State | None = None
        self._durable = 0

    def seen(self) -> Mapping[TopicPartition, int]:
        """Offsets of all commits that are done."""
        return read_state(self._path, self._seed).before

    def state(self) -> State:
        """What was committed. The first time, the file is written anew: what a killed holder did not sync is now."""
        if self._state is None:
            self._state = self._written_anew(read_state(self._path, self._seed))
        return self._state

    def write(self, commit: Commit) -> None:
        """The commit is made, durably, and will be finished. After an OSError `state` tells whether it is."""
        state = self.state()
        data = frame_bytes(commit_payload(commit), state.size, self._durable, self._seed)
        self._disk.fault("commit-begun", self._group)
        self._state = None
        try:
            write_all(self._handle, data, state.size)
            self._disk.fault("commit-written", self._group)
            self._disk.fdatasync(self._handle)
        except OSError:
            os.ftruncate(self._handle, state.size)
            self._state = state
            raise
        self._disk.fault("commit-synced", self._group)
        self._durable = size = state.size + len(data)
        offsets = {**state.offsets, **commit.offsets}
        self._state = State(offsets, state.offsets, commit.number, commit, size)

    def done(self, commit: Commit) -> None:
        """The outputs of the commit are in. Not synced: see `group_file`."""
        state = self.state()
        size = state.size
        if commit.outputs:
            data = frame_bytes(done_payload(commit.number), size, self._durable, self._seed)
            with contextlib.suppress(OSError):  # the next holder looks for them once more
                write_all(self._handle, data, size)
                size += len(data)
            self._disk.fault("commit-done", self._group)
        self._state = State(state.offsets, state.offsets, state.number, None, size)
        if size > _FILE_BYTES:
            self._shorten(self._state)

    def close(self) -> None:
        """The file is let go of."""
        self._state = None
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _shorten(self, state: State) -> None:
        """What went wrong is found by the next look at the state."""
        self._state = None
        with contextlib.suppress(OSError):
            self._state = self._written_anew(state)
            self._disk.fault("commit-kept", self._group)

    def _written_anew(self, state: State) -> State:
        """One frame for all commits that are done, and one for the last where it is not."""
        pending = state.pending
        before = replace(state, offsets=state.before, number=state.number - (pending is not None))
        data = frame_bytes(snapshot_payload(before), 0, 0, self._seed)
        if pending is not None:
            data += frame_bytes(commit_payload(pending), len(data), 0, self._seed)
        self.close()
        replace_file(self._path, data, self._disk.fsync)
        self._handle = os.open(self._path, os.O_RDWR)
        self._durable = len(data)
        return replace(state, size=len(data))
