"""Counts of one process, cheap enough for every request, and how several processes tell theirs as one."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

__all__ = ["BOUNDS_S", "Histogram", "Labels", "Meters", "Snapshot", "Workers", "summed"]

Labels = tuple[str, ...]
Key = tuple[str, Labels]

BOUNDS_S = (*(n * 10.0**e for e in (-5, -4, -3, -2, -1) for n in (1, 2.5, 5)), 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of latency buckets in seconds, 10 µs to 10 s."""


class Histogram(msgspec.Struct):
    """Observations by bucket: the i-th count is of values in (BOUNDS_S[i-1], BOUNDS_S[i]], the last has no bound."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total: float = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(BOUNDS_S, value)] += 1
        self.total += value

    def merge(self, other: Histogram) -> None:
        """All of the other's values too."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


class Snapshot(msgspec.Struct):
    """What one process counted: (name, labels) → value."""

    pid: int
    counts: dict[Key, float] = {}
    gauges: dict[Key, float] = {}
    histograms: dict[Key, Histogram] = {}


class Meters:
    """The counts of this process.

    Guarantees: to be called from one thread, that of the event loop.

    Cost: 0.2 to 0.5 µs a call.

    Examples:
        >>> meters = Meters(pid=1)
        >>> meters.add("rows", ("late",), 3); meters.add("rows", ("late",), 2)
        >>> meters.snapshot.counts
        {('rows', ('late',)): 5.0}
    """

    def __init__(self, *, pid: int) -> None:
        self.snapshot = Snapshot(pid)
        self._counts, self._gauges = self.snapshot.counts, self.snapshot.gauges
        self._histograms = self.snapshot.histograms

    def add(self, name: str, labels: Labels, amount: float = 1.0) -> None:
        """A count grows."""
        key = (name, labels)
        self._counts[key] = self._counts.get(key, 0.0) + amount

    def reach(self, name: str, labels: Labels, total: float) -> None:
        """A count that somebody else keeps has reached so much."""
        self._counts[name, labels] = total

    def set(self, name: str, labels: Labels, value: float) -> None:
        """A gauge shows a value."""
        self._gauges[name, labels] = value

    def replace(self, name: str, values: Mapping[Labels, float]) -> None:
        """A gauge shows these values and no others."""
        for key in [key for key in self._gauges if key[0] == name and key[1] not in values]:
            del self._gauges[key]
        for labels, value in values.items():
            self._gauges[name, labels] = value

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """A histogram gets one more value."""
        key = (name, labels)
        found = self._histograms.get(key)
        if found is None:
            found = self._histograms[key] = Histogram()
        found.observe(seconds)


class Workers:
    """The counts of all processes of a server, through one small file of each.

    Parameters:
        folder — shared by the processes of one server and by nobody else.
        meters — this process's own.

    Guarantees: a reader sees whole files. What a process counted stays counted after it is gone; of one that was
        killed the last second may be missing.
    """

    def __init__(self, folder: Path, meters: Meters) -> None:
        self._folder, self._meters = folder, meters
        handle, name = tempfile.mkstemp(prefix=f"{meters.snapshot.pid}-", suffix=".counts", dir=folder)
        os.close(handle)
        self._file = Path(name)

    def publish(self) -> None:
        """The other processes can read what this one counted until now."""
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(msgspec.msgpack.encode(self._meters.snapshot))
        os.replace(fresh, self._file)

    def snapshots(self) -> list[Snapshot]:
        """This process's own, as it is now, and the others' as they published them."""
        return [self._meters.snapshot, *self._others()]

    def _others(self) -> Iterator[Snapshot]:
        for file in sorted(self._folder.glob("*.counts")):
            text = b"" if file == self._file else file.read_bytes()
            if text:  # made and not published yet
                yield msgspec.msgpack.decode(text, type=Snapshot)


def summed(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Counts and histograms added up; of a gauge the largest among processes that are alive.

    Examples:
        >>> two = [Snapshot(1, counts={("n", ()): 1.0}), Snapshot(2, counts={("n", ()): 2.0})]
        >>> summed(two).counts
        {('n', ()): 3.0}
    """
    whole = Snapshot(0, {}, {}, {})
    for one in snapshots:
        for key, count in one.counts.items():
            whole.counts[key] = whole.counts.get(key, 0.0) + count
        for key, histogram in one.histograms.items():
            whole.histograms.setdefault(key, Histogram()).merge(histogram)
        for key, value in one.gauges.items() if _alive(one.pid) else ():
            whole.gauges[key] = max(value, whole.gauges.get(key, value))
    return whole


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's by now: not ours any more
        return False
    return True
