"""Values by key in one LMDB file.

    key ─► layout byte │ position, 8 bytes big-endian │ the value

A commit is one LMDB transaction: state and offsets are there together or not at all, on the disk when it returns.
Readers take no lock, wait for nobody, and see the commit that was last when they began.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import lmdb

from gapless.adapters.lmdb.environments import Shared, acquire, release
from gapless.adapters.lmdb.failures import failed, forked, unknown_layout
from gapless.faults import Fault
from gapless.ports.online import Committed, OnlineCapabilities, Update
from gapless.ports.updates import check_prefix, check_updates

__all__ = ["COMMIT_POINTS", "LmdbStore"]

COMMIT_POINTS = ("begun", "update", "offset", "ready", "committed")
"""Where `fault` is called in a commit: the write lock is held; after each update; after each offset; everything is in
the transaction; it is on the disk."""

MAP_BYTES = 2**38
"""Addresses reserved for the file, not memory and not disk: the store can grow to this."""

_LAYOUT = 1
_MARK = bytes([_LAYOUT])
_HEADER = struct.Struct(">BQ")
_PAGE_KEYS = 10_000


class LmdbStore:
    """The online store in a folder of this machine.

    Opened at the first use, and once per process: make it before a fork, use it after. Any number of threads and of
    processes (of one machine, on a local disk) read while one writes; writers wait for each other.

    Parameters:
        map_bytes — how large the file may become; the same in every process. It costs addresses, nothing else.
        fault — called at COMMIT_POINTS with the point and the key, for tests.

    Cost: a key is read in about half a microsecond, a commit takes one sync of the disk and about 5 µs per update.
    """

    capabilities = OnlineCapabilities(atomic="commit", local=True)

    def __init__(
        self,
        folder: str | Path,
        *,
        map_bytes: int = MAP_BYTES,
        fault: Fault | None = None,
    ) -> None:
        self._folder = Path(folder)
        self._map_bytes = map_bytes
        self._fault = fault
        self._shared: Shared | None = None
        self._opening = threading.Lock()

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """One snapshot of all keys. Raises: StorageError, CorruptData, Transient."""
        try:
            with self._env().begin() as txn:
                get = txn.get
                found = [get(key) for key in keys]
        except (lmdb.Error, MemoryError) as problem:
            raise failed(problem, self._folder, "read the online store") from problem
        for key, value in zip(keys, found, strict=True):
            if value is not None and value[:1] != _MARK:
                raise unknown_layout(key, value, self._folder)
        return [None if value is None else value[_HEADER.size :] for value in found]

    def commit(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> Committed:
        """All in one transaction. Raises: InputError, StorageError, CorruptData; nothing is changed then."""
        check_updates(updates, offsets)
        with self._writing("commit to the online store") as txn:
            self._point("begun")
            written = self._put(txn, updates, "update") + self._put(txn, offsets, "offset")
            self._point("ready")
        self._point("committed")
        return Committed(written, len(updates) + len(offsets) - written)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """In order, read a page at a time: a slow caller holds no snapshot and so keeps no old pages alive."""
        start = prefix
        while page := self._page(start, prefix):
            yield from page
            start = page[-1] + b"\0"

    def remove(self, prefix: bytes) -> int:
        """All in one transaction. Raises: InputError, StorageError."""
        check_prefix(prefix)
        removed = 0
        with self._writing("remove from the online store") as txn:
            cursor = txn.cursor()
            there = cursor.set_range(prefix)
            while there and bytes(cursor.key()).startswith(prefix):
                there = cursor.delete()
                removed += 1
        return removed

    def close(self) -> None:
        """The last store of a folder in this process closes its file."""
        shared, self._shared = self._shared, None
        if shared is not None:
            release(shared)

    def _env(self) -> lmdb.Environment:
        shared = self._shared
        if shared is None:
            shared = self._open()
        if shared.pid != os.getpid():
            raise forked(self._folder)
        return shared.env

    def _open(self) -> Shared:
        with self._opening:  # two threads that read first
            if self._shared is None:
                self._shared = acquire(self._folder, self._map_bytes)
            return self._shared

    @contextmanager
    def _writing(self, doing: str) -> Iterator[lmdb.Transaction[memoryview]]:
        try:
            with self._env().begin(write=True, buffers=True) as txn:
                yield txn
        except (lmdb.Error, MemoryError) as problem:
            raise failed(problem, self._folder, doing) from problem

    def _put(self, txn: lmdb.Transaction[memoryview], group: Mapping[bytes, Update], point: str) -> int:
        """In the order of keys: neighbours share a page. Returns how many were taken."""
        written, fault = 0, self._fault
        cursor = txn.cursor()  # what it finds it can replace without looking for it again
        for key in sorted(group):
            update, there = group[key], 0
            if cursor.set_key(key):
                value = cursor.value()
                layout, there = _HEADER.unpack_from(value) if len(value) >= _HEADER.size else (0, 0)
                if layout != _LAYOUT:
                    raise unknown_layout(key, bytes(value[: _HEADER.size]), self._folder)
            position, after = update.position, update.after
            if there < position if after is None else there == after:
                cursor.put(key, _HEADER.pack(_LAYOUT, position) + update.value)
                written += 1
            if fault is not None:
                fault(point, repr(key))
        return written

    def _page(self, start: bytes, prefix: bytes) -> list[bytes]:
        try:
            with self._env().begin() as txn:
                cursor = txn.cursor()
                page: list[bytes] = []
                there = cursor.set_range(start)
                while there and len(page) < _PAGE_KEYS and (key := cursor.key()).startswith(prefix):
                    page.append(key)
                    there = cursor.next()
                return page
        except (lmdb.Error, MemoryError) as problem:
            raise failed(problem, self._folder, "list the online store") from problem

    def _point(self, point: str, key: bytes = b"") -> None:
        if self._fault is not None:
            self._fault(point, repr(key))
