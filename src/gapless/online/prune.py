"""State of definitions that nobody needs any more is removed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from gapless.clock import format_instant
from gapless.errors import CorruptData
from gapless.online.layout import is_ours, namespace_of, offset_key_of
from gapless.online.offsets import from_bytes
from gapless.ports.online import OnlineStore

__all__ = ["Pruned", "prune"]


@dataclass(frozen=True)
class Pruned:
    """What was removed of one namespace: so many keys, which were filled up to an instant (None: not through)."""

    namespace: str
    keys: int
    as_of_us: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"as_of": None if self.as_of_us is None else format_instant(self.as_of_us)}


def prune(store: OnlineStore, needed: Callable[[], Collection[bytes]]) -> tuple[Pruned, ...]:
    """No namespace is there that is not needed. Keys that no layout of ours writes stay.

    Parameters:
        needed — the namespaces that must stay; asked before each removal.

    Raises: what the store and `needed` raise; then some are removed, and calling it again removes the rest.

    Guarantees: the offset record goes first, so that a namespace reads as not materialized from then on, and is filled
        from the first event should anybody need it again, wherever this is killed.

    Cost: goes through every key of the store.
    """
    there = {namespace_of(key) for key in store.keys(b"") if is_ours(key)}
    return tuple(_removed(store, namespace) for namespace in sorted(there) if namespace not in needed())


def _removed(store: OnlineStore, namespace: bytes) -> Pruned:
    as_of_us = _as_of_us(store.read([offset_key_of(namespace)])[0])
    keys = store.remove(offset_key_of(namespace)) + store.remove(namespace)
    return Pruned(namespace.hex(), keys, as_of_us)


def _as_of_us(data: bytes | None) -> int | None:
    try:
        return None if data is None else from_bytes(data).as_of_us
    except CorruptData:
        return None
