"""A ledger that is taken in chunk by chunk into an online store that crashes: nothing is lost, nothing counts twice.

    chunk 0: k3 +5, k7 +2 ...    ─► k3 = 5   k7 = 2     offset = 1     all at position 1
    chunk 1: k3 +1, k9 +4 ...    ─► k3 = 6   k9 = 4     offset = 2     all at position 2

It is what materializing does: read what is there, add the chunk, commit it with the number of the chunk as the
position. After a crash the offset says which chunk to begin with; where part of it is in already, positions keep that
from counting again.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass

from gapless.ports.online import OnlineStore, Update
from gapless.testing.faults import Crash, CrashAtCall
from gapless.testing.online_factory import Factory, opened

__all__ = ["Ledger", "crash_everywhere"]

_OFFSET = b"ledger/offset"


@dataclass(frozen=True)
class Ledger:
    """Amounts by key, chunk by chunk; the same for the same seed."""

    seed: int = 0
    accounts: int = 20

    def amounts(self, chunk: int) -> Counter[bytes]:
        """What one chunk adds, from one to twelve keys of it."""
        chance = random.Random(f"{self.seed}/{chunk}")
        names = chance.sample(range(self.accounts), chance.randint(1, 12))
        return Counter({b"ledger/%d" % name: chance.randint(1, 1000) for name in names})

    def balances(self, chunks: int) -> Counter[bytes]:
        """What all keys hold after so many chunks."""
        return sum((self.amounts(chunk) for chunk in range(chunks)), Counter())

    def done(self, store: OnlineStore) -> int:
        """How many chunks the store says are in."""
        return _number(store.read([_OFFSET])[0])

    def take_in(self, store: OnlineStore, chunk: int) -> None:
        """Adds one chunk."""
        amounts = self.amounts(chunk)
        old = store.read(list(amounts))
        updates = {
            key: Update(chunk + 1, b"%d" % (_number(value) + amount))
            for (key, amount), value in zip(amounts.items(), old, strict=True)
        }
        store.commit(updates, {_OFFSET: Update(chunk + 1, b"%d" % (chunk + 1))})

    def check(self, store: OnlineStore, before: Counter[bytes], chunk: int) -> None:
        """After a crash while that chunk was taken in: all of it is there, or nothing, or what atomicity by key allows.

        Parameters:
            before — the balances without the chunk.
        """
        after = before + self.amounts(chunk)
        names = [b"ledger/%d" % name for name in range(self.accounts)]
        offset, *values = store.read([_OFFSET, *names])
        found = {name: _number(value) for name, value in zip(names, values, strict=True)}
        done = _number(offset)
        assert done in (chunk, chunk + 1), f"{done} chunks are in, {chunk} were before the crash"
        if done > chunk:
            allowed = {name: {after[name]} for name in names}
        elif store.capabilities.atomic == "commit":
            allowed = {name: {before[name]} for name in names}
        else:
            allowed = {name: {before[name], after[name]} for name in names}
        wrong = {name: found[name] for name in names if found[name] not in allowed[name]}
        assert not wrong, f"after a crash in chunk {chunk}: {wrong}, allowed {[allowed[name] for name in wrong]}"


def crash_everywhere(factory: Factory, name: str, *, crashes: int, seed: int = 0) -> int:
    """Takes in chunk after chunk, each with a crash at its first point, then at its second, and so on until it gets
    through; after each crash the store is opened anew and compared with the ledger.

    Parameters:
        crashes — at least so many.

    Returns: how many there were.

    Raises: AssertionError for an amount that is lost or counted twice, or a store that never calls its fault.
    """
    ledger, before, count = Ledger(seed), Counter[bytes](), 0
    for chunk in itertools.count():
        if count >= crashes:
            break
        points = _points(factory, name, ledger, before, chunk)
        assert points, "the store never called its fault"
        count += points
        before += ledger.amounts(chunk)
    with opened(factory, name) as store:
        assert ledger.done(store) == chunk
        ledger.check(store, ledger.balances(chunk - 1), chunk - 1)
    return count


def _points(factory: Factory, name: str, ledger: Ledger, before: Counter[bytes], chunk: int) -> int:
    """At how many points the chunk crashed before it got through."""
    for call in itertools.count(1):
        crashed = _crashed(factory, name, ledger, chunk, call)
        with opened(factory, name) as store:
            ledger.check(store, before, chunk)
        if not crashed:
            return call - 1
    return 0


def _crashed(factory: Factory, name: str, ledger: Ledger, chunk: int, call: int) -> bool:
    with opened(factory, name, fault=CrashAtCall(call)) as store:
        try:
            if ledger.done(store) <= chunk:
                ledger.take_in(store, chunk)
            else:  # the crash before came after everything was in
                return False
        except Crash:
            return True
    return False


def _number(value: bytes | None) -> int:
    return int(value or b"0")
