"""How the checks of an online store open one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from gapless.faults import Fault
from gapless.ports.online import OnlineStore

__all__ = ["Factory", "opened"]


class Factory(Protocol):
    """Opens the store of that name; the same name again opens the same one, an unused name an empty one.

    It can be pickled, for the check that reads from other processes. `fault` is called at the points of a commit where
    a crash may leave something, with the point's name and the key; what it raises leaves `commit`.
    """

    def __call__(self, name: str, *, fault: Fault | None = None) -> OnlineStore: ...


@contextmanager
def opened(factory: Factory, name: str, *, fault: Fault | None = None) -> Iterator[OnlineStore]:
    """A store that is closed at the end."""
    store = factory(name, fault=fault)
    try:
        yield store
    finally:
        store.close()
