"""The checks of online stores bite: a plain store in memory passes, and each fault built into it is found."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from gapless.faults import Fault
from gapless.ports.online import Committed, OnlineCapabilities, Update
from gapless.ports.updates import check_prefix, check_updates
from gapless.testing import online
from gapless.testing.online_factory import opened

# Other processes cannot read this one's memory, and a million keys find no other faults here.
_LEFT_OUT = ("readers_in_processes", "a_million_keys_are_nothing_special")
CHECKS = [check for check in online.ONLINE_STORE_CHECKS if check.__name__ not in _LEFT_OUT]


@dataclass
class Memory:
    """The plainest store there is; its methods are what faults replace."""

    fault: Fault | None
    values: dict[bytes, Update] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    capabilities = OnlineCapabilities(atomic="commit", local=True)

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        with self.lock:
            return [self.values[key].value if key in self.values else None for key in keys]

    def commit(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> Committed:
        self.check(updates, offsets)
        with self.lock:
            taken = {key: update for key, update in {**updates, **offsets}.items() if self.is_newer(key, update)}
            for key in taken:
                self.point("update", key)
            self.values.update(taken)
        self.point("committed", b"")
        return Committed(len(taken), len(updates) + len(offsets) - len(taken))

    def check(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> None:
        check_updates(updates, offsets)

    def is_newer(self, key: bytes, update: Update) -> bool:
        there = self.values[key].position if key in self.values else 0
        return there < update.position and update.after in (None, there)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        with self.lock:
            return iter([key for key in self.values if key.startswith(prefix)])

    def remove(self, prefix: bytes) -> int:
        check_prefix(prefix)
        with self.lock:
            return len([self.values.pop(key) for key in list(self.keys(prefix))])

    def close(self) -> None:
        """Others may go on with it."""

    def point(self, point: str, key: bytes) -> None:
        if self.fault is not None:
            self.fault(point, repr(key))


@dataclass
class InMemory:
    """Stores of one name share their values, as those of one folder do."""

    kind: type[Memory] = Memory
    stores: dict[str, Memory] = field(default_factory=dict)

    def __call__(self, name: str, *, fault: Fault | None = None) -> Memory:
        first = self.stores.setdefault(name, self.kind(None))
        return self.kind(fault, first.values, first.lock)


class LastWins(Memory):
    def is_newer(self, key, update):
        return True


class EqualWins(Memory):
    def is_newer(self, key, update):
        return key not in self.values or self.values[key].position <= update.position


class TakesAnyNewer(Memory):
    def is_newer(self, key, update):
        return super().is_newer(key, Update(update.position, update.value))


class RoundsPositions(Memory):
    def is_newer(self, key, update):
        def rounded(position):
            return struct.unpack("f", struct.pack("f", position))

        return key not in self.values or rounded(self.values[key].position) < rounded(update.position)


class SortsKeys(Memory):
    def read(self, keys):
        return super().read(sorted(keys))


class LosesEmptyValues(Memory):
    def read(self, keys):
        return [value or None for value in super().read(keys)]


class ChecksNothing(Memory):
    def check(self, updates, offsets):
        return


class TakesOneByOne(Memory):
    """Offsets first, each key seen as it is taken: half of a commit, and an offset before its updates."""

    def commit(self, updates, offsets):
        self.check(updates, offsets)
        taken = [item for item in {**offsets, **updates}.items() if self.is_newer(*item)]
        for key, update in taken:
            self.values[key] = update
            self.point("update", key)
        return Committed(len(taken), len(updates) + len(offsets) - len(taken))


class OffsetsFirstByKey(TakesOneByOne):
    """Allowed to be seen key by key, yet not with the offset in front."""

    capabilities = OnlineCapabilities(atomic="key", local=True)


class CountsWrongly(Memory):
    def commit(self, updates, offsets):
        done = super().commit(updates, offsets)
        return Committed(done.written + done.older, 0)


class RemembersPositions(Memory):
    def remove(self, prefix):
        before = dict(self.values)
        count = super().remove(prefix)
        self.values.update({key: Update(before[key].position, b"") for key in before.keys() - self.values.keys()})
        return count


class RemovesAll(Memory):
    def remove(self, prefix):
        return len([self.values.pop(key) for key in list(self.values)])


class ReadsPatterns(Memory):
    def keys(self, prefix):
        return iter([key for key in self.values if key.startswith(prefix.rstrip(b"*"))])


class NeverFails(Memory):
    def point(self, point, key):
        return


FAULTS = [
    LastWins,
    EqualWins,
    TakesAnyNewer,
    RoundsPositions,
    SortsKeys,
    LosesEmptyValues,
    ChecksNothing,
    TakesOneByOne,
    OffsetsFirstByKey,
    CountsWrongly,
    RemembersPositions,
    RemovesAll,
    ReadsPatterns,
    NeverFails,
]


def passes(check: Callable[..., None], kind: type[Memory]) -> bool:
    try:
        check(InMemory(kind))
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_plain_store_passes(check):
    check(InMemory())


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found(kind: type[Memory]):
    assert not all(passes(check, kind) for check in CHECKS)


def test_a_store_is_closed_whatever_happens():
    closed = []

    class Closes(Memory):
        def close(self):
            closed.append(True)

    with pytest.raises(ZeroDivisionError), opened(InMemory(Closes), "x"):
        raise ZeroDivisionError
    assert closed == [True]
