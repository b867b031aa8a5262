"""A store in front of another one: what it does not change is the other's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gapless.ports.online import Committed, OnlineCapabilities, OnlineStore, Update

__all__ = ["Front"]


class Front:
    """An OnlineStore that gives everything on; others of its kind change how it is read."""

    def __init__(self, store: OnlineStore) -> None:
        self._store = store

    @property
    def capabilities(self) -> OnlineCapabilities:
        """Those of the store behind."""
        return self._store.capabilities

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See OnlineStore.read."""
        return self._store.read(keys)

    def commit(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> Committed:
        """See OnlineStore.commit."""
        return self._store.commit(updates, offsets)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """See OnlineStore.keys."""
        return self._store.keys(prefix)

    def remove(self, prefix: bytes) -> int:
        """See OnlineStore.remove."""
        return self._store.remove(prefix)

    def close(self) -> None:
        """The store behind is closed."""
        self._store.close()
