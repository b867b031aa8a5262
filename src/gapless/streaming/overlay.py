"""The online store as it will be once a batch is committed, and as it was at a request's instant."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from gapless.online.front import Front
from gapless.online.layout import namespace_of
from gapless.ports.online import OnlineStore, Update
from gapless.streaming.recent import Recent

__all__ = ["Overlay"]


class Overlay(Front):
    """An online store in front of the real one, for the thread that answers; others read the real one.

    Within `batch`, a read gives what is about to be committed; within `at`, records of the parts that this process
    keeps fresh hold the events that are visible at that instant alone, as far back as is known.
    """

    def __init__(self, store: OnlineStore) -> None:
        super().__init__(store)
        self._thread: int | None = None
        self._values: dict[bytes, bytes | None] = {}
        self._recent: Mapping[bytes, Recent] = {}
        self._at_us: int | None = None

    @contextmanager
    def batch(self, updates: Mapping[bytes, Update], recent: Mapping[bytes, Recent]) -> Iterator[None]:
        """Reads of this thread see the updates, until the block ends.

        Parameters:
            recent — by namespace, what the records of a part were before.
        """
        self._values = {key: update.value for key, update in updates.items()}
        self._recent, self._thread = recent, threading.get_ident()
        try:
            yield
        finally:
            self._values, self._recent, self._thread = {}, {}, None

    def prepare(self, keys: Sequence[bytes]) -> None:
        """These keys are read now, and not again within the batch.

        Raises: what the store raises; here, where nothing was answered yet.
        """
        missing = [key for key in dict.fromkeys(keys) if key not in self._values]
        self._values.update(zip(missing, self._store.read(missing), strict=True))

    @contextmanager
    def at(self, at_us: int) -> Iterator[None]:
        """Reads of this thread are as of an instant."""
        self._at_us = at_us
        try:
            yield
        finally:
            self._at_us = None

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See OnlineStore.read; CorruptData also for a record that cannot be looked back on."""
        if threading.get_ident() != self._thread:
            return self._store.read(keys)
        self.prepare(keys)
        values = self._values
        at_us = self._at_us
        if at_us is None:
            return [values[key] for key in keys]
        return [self._as_of(key, values[key], at_us) for key in keys]

    def _as_of(self, key: bytes, current: bytes | None, at_us: int) -> bytes | None:
        recent = self._recent.get(namespace_of(key))
        return current if recent is None else recent.as_of(key, current, at_us)
