"""The online store: the newest state of each key, read in one round trip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

__all__ = ["MAX_POSITION", "Committed", "OnlineCapabilities", "OnlineStore", "Update"]

MAX_POSITION = 2**53 - 1
"""The largest position: what a float64 counts exactly, since some stores compare positions as such."""


class Update(msgspec.Struct, frozen=True, gc=False):
    """A new value of a key.

    Parameters:
        position — from 1 to MAX_POSITION; grows with every change of the key. The update is taken where the key has no
            value or one of a smaller position, else it is left out: an older write never wins, a repeat changes
            nothing.
        after — it is taken only where the position there is exactly this one, 0 where there is none. None: any smaller
        one. Whoever goes on from what was read finds out so that the store has lost it, or that others were there.

    Cost: made for every key of every batch, so it is no dataclass: those take eight times as long.
    """

    position: int
    value: bytes
    after: int | None = None


@dataclass(frozen=True)
class Committed:
    """How many updates of a commit were taken, and how many found a value of their position or a later one."""

    written: int
    older: int


@dataclass(frozen=True)
class OnlineCapabilities:
    """Where stores differ.

    Parameters:
        atomic — "commit": a reader sees all of a commit or nothing of it. "key": it sees all of a key or nothing, and
            sees an offset only after every update that was committed with it.
        local — reading takes microseconds and cannot hang: it may be done where nothing else can run meanwhile.
    """

    atomic: Literal["commit", "key"]
    local: bool


class OnlineStore(Protocol):
    """Values by key, each key guarded by a position. Keys are up to 400 bytes, values up to 16 MiB.

    Raises, from every method: Transient where the store does not answer in time (nothing is lost: call again), Refused
    where it says no, StorageError for a full or damaged disk under an embedded one, CorruptData for bytes that no
    store of this layout wrote.
    """

    @property
    def capabilities(self) -> OnlineCapabilities:
        """What this store promises beyond the rest; the same for its whole life."""
        ...

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys, None where there is none.

        Guarantees: one round trip; one snapshot where `atomic` is "commit". Safe to call from several threads.
        """
        ...

    def commit(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> Committed:
        """State and how far the sources have been taken in, in one atomic step (see `OnlineCapabilities.atomic`).

        Parameters:
            offsets — keys like any other, which are never seen before the updates beside them.

        Guarantees: on stable storage when it returns, as far as the store's own settings go. Called again after any
            crash, with the same or more, it ends in the same state.
        """
        ...

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """The keys that begin so, in no order; what is committed meanwhile may be there or not."""
        ...

    def remove(self, prefix: bytes) -> int:
        """No key begins so any more; how many did. Positions start anew. Raises: InputError for an empty prefix."""
        ...

    def close(self) -> None:
        """Files and connections are let go of; the store is not used after it."""
        ...
