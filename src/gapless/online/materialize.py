"""Online state brought to what the history says, in chunks that may be done twice.

    (K1, T1)   events with a place below K1, known by T1, are in                   K1                K2
               ─────────────────────────────────────────────► place     T1 ┌───────┐
    old        below K1, known after T1 and by T2: late ones            T2 └─ old ─┼─────────────────┐
    new        from K1 to K2, known by T2                                          └────── new ──────┘

The plan (K2, T2 and how many events make a chunk) is in the offset record before the first chunk, and every chunk's
commit says how far it went. So whoever goes on after a crash does the same chunks with the same positions, and the
store takes each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

import msgspec

from gapless.clock import format_instant
from gapless.errors import Conflict, CorruptData, InputError
from gapless.features import Group
from gapless.online.arrivals import Arrivals, Chunk, read_here
from gapless.online.chunks import changed
from gapless.online.history import History
from gapless.online.layout import Layout
from gapless.online.offsets import LEAP, Job, Offset, from_bytes, to_bytes
from gapless.online.record import Record, pack, unpack
from gapless.ports.online import OnlineStore, Update
from gapless.windows.window import BEGINNING

__all__ = ["CHUNK_EVENTS", "Materialized", "materialize"]

CHUNK_EVENTS = 1 << 19
_SCANNED_KEYS = 10_000
_PHASES: tuple[Literal["old", "new"], ...] = ("old", "new")


@dataclass(frozen=True)
class Materialized:
    """What materializing a group did.

    Parameters:
        events — taken in; records — written, a key counts once for each chunk it is in.
        offset, as_of_us — events below the place that were known by the instant are in.
        resumed — it first finished what another start had begun.
    """

    views: tuple[str, ...]
    namespace: str
    events: int
    records: int
    chunks: int
    offset: int
    as_of_us: int
    resumed: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"as_of": format_instant(self.as_of_us)}


def materialize(
    groups: Sequence[Group],
    history: History,
    store: OnlineStore,
    *,
    as_of_us: int,
    chunk_events: int = CHUNK_EVENTS,
    rebuild: bool = False,
    progress: Callable[[int], None] = lambda events: None,
    arrivals: Arrivals | None = None,
) -> tuple[Materialized, ...]:
    """Every group's state holds the history as it was known at `as_of_us`, or at the later instant it already knew.

    Parameters:
        groups — of `features.plan_groups`; groups that share their state are filled once.
        chunk_events — events per commit: more make fewer writes, and take more memory.
        rebuild — fill anew from the first event, for state that is damaged; readers see none until it is through.
        progress — called with the number of events taken in so far.
        arrivals — reads the history and builds tiles of it; None: in this process.

    Raises: Conflict where somebody else materializes the same group and came first: run it again; CorruptData for a
        record that cannot be read; what the history and the store raise. What was committed stays, the next start goes
        on from there.

    Guarantees: killed at any point and started again, every record is that of an undisturbed run. Readers go on
        meanwhile; a first filling shows only when it is through.

    Cost: linear in the new events; memory for one chunk and the records of its keys.
    """
    filled: dict[bytes, Materialized] = {}
    for layout in map(Layout.of, groups):
        if layout.namespace not in filled:
            before = sum(each.events for each in filled.values())
            filling = _Filling(layout, history, store, _counting(progress, before), arrivals or read_here(history))
            filled[layout.namespace] = filling.run(as_of_us, chunk_events, rebuild)
    return tuple(filled.values())


def _counting(progress: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda events: progress(before + events)


class _Filling:
    """One group on its way to an instant."""

    def __init__(
        self,
        layout: Layout,
        history: History,
        store: OnlineStore,
        progress: Callable[[int], None],
        arrivals: Arrivals,
    ) -> None:
        self._layout, self._history, self._store, self._progress = layout, history, store, progress
        self._arrivals = arrivals
        self._events = self._records = self._chunks = 0
        self._said: bytes | None = None  # the offset record that is there, and its position where it is known
        self._after: int | None = None

    def run(self, as_of_us: int, chunk_events: int, rebuild: bool) -> Materialized:
        offset = self._begin(rebuild)
        end = self._history.end(self._layout.group.source)
        resumed = offset.job is not None
        self._check_history(offset if offset.job is None else offset.job, end)
        if resumed:
            offset = self._finish(offset)
        target = as_of_us if offset.as_of_us is None else max(as_of_us, offset.as_of_us)
        if (offset.offset, offset.as_of_us) != (end, target):
            job = Job(end, target, chunk_events, "old", 0)
            offset = self._finish(self._commit({}, _next(offset, job=job)))
        assert offset.as_of_us is not None, "a job has been finished"
        return Materialized(
            self._layout.views, self._layout.namespace.hex(), self._events, self._records, self._chunks, offset.offset,
            offset.as_of_us, resumed,
        )  # fmt: skip

    def _begin(self, rebuild: bool) -> Offset:
        self._said = data = self._store.read([self._layout.offset_key])[0]
        if data is not None and not rebuild:
            offset = from_bytes(data)
            self._after = offset.position
            return offset
        position = self._newest_position(data)
        self._bury_damaged(position)
        return Offset(position, position, 0, None)

    def _check_history(self, taken: Offset | Job, end: int) -> None:
        if taken.offset <= end:
            return
        source = self._layout.group.source
        raise InputError(
            f"the history of source {source.name!r} is shorter than what the online state is made of",
            seen=f"{end} events",
            allowed=f"at least {taken.offset}",
            next_step=f"run it again if the source has just grown; where the source was made anew, "
            f"gapless materialize {self._layout.views[0]} --rebuild",
        )

    def _newest_position(self, data: bytes | None) -> int:
        """Above all that was ever written here: what is written from now on has to win over it.

        That is a leap above what is read, since not all can be: what is damaged does not say its position, somebody
        else may be about to write the next one, and a store that was put back can have records without their offset.
        """
        try:
            self._after = 0 if data is None else from_bytes(data).position
        except CorruptData:
            self._after = None
        newest = self._after or self._scanned_position()
        return 0 if newest is None else newest + LEAP

    def _scanned_position(self) -> int | None:
        """Without an offset record there are no records either, unless it was lost."""
        pages = [max((_position(data) or 0 for data in page.values()), default=0) for page in self._records_there()]
        return max(pages, default=None)

    def _bury_damaged(self, position: int) -> None:
        """Records that cannot be read do not say that they count no more: empty ones take their place."""
        nothing = Update(position, pack(Record(position, BEGINNING, b"", b"")))
        for page in self._records_there() if position else ():
            self._store.commit({key: nothing for key, data in page.items() if _position(data) is None}, {})

    def _records_there(self) -> Iterator[dict[bytes, bytes | None]]:
        keys = self._store.keys(self._layout.namespace)
        while some := list(islice(keys, _SCANNED_KEYS)):
            found = dict(zip(some, self._store.read(some), strict=True))
            found.pop(self._layout.offset_key, None)
            yield found

    def _finish(self, offset: Offset) -> Offset:
        """The job of the offset record is done, from where it stands."""
        job = offset.job
        assert job is not None, "called with a job"
        for phase in _PHASES[_PHASES.index(job.phase) :]:
            if phase != job.phase:
                job = msgspec.structs.replace(job, phase=phase, done=0)
            for chunk in self._coming(offset, job):
                job = msgspec.structs.replace(job, done=chunk.done)
                offset = self._chunk(offset, job, chunk)
        return self._commit({}, _next(offset, offset=job.offset, as_of_us=job.as_of_us, job=None))

    def _coming(self, offset: Offset, job: Job) -> Iterator[Chunk]:
        """What the phase still has to take in, cut as the plan says."""
        after: int | None
        if job.phase == "old":
            if offset.as_of_us is None or not offset.offset:
                return iter(())
            offsets, after = (job.done, offset.offset), offset.as_of_us
        else:
            offsets, after = (max(job.done, offset.offset), job.offset), None
        return self._arrivals(self._layout, offsets=offsets, known=(after, job.as_of_us), rows=job.chunk_events)

    def _chunk(self, offset: Offset, job: Job, chunk: Chunk) -> Offset:
        following = _next(offset, job=job)
        records = changed(
            self._layout, chunk.new, self._read_there,
            as_of_us=job.as_of_us, base=offset.base, position=following.position,
        )  # fmt: skip
        self._commit(records, following)
        self._events, self._records, self._chunks = (
            self._events + chunk.events,
            self._records + len(records),
            self._chunks + 1,
        )
        self._progress(self._events)
        return following

    def _read_there(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Records that are those of the offset: it is still there after they were read."""
        found = self._store.read(keys)
        self._check_there()
        return found

    def _commit(self, records: dict[bytes, bytes], offset: Offset) -> Offset:
        key, said = self._layout.offset_key, to_bytes(offset)
        updates = {name: Update(offset.position, data) for name, data in records.items()}
        self._store.commit(updates, {key: Update(offset.position, said, self._after)})
        self._said = said
        self._check_there()
        self._after = offset.position
        return offset

    def _check_there(self) -> None:
        """The offset record is the one that was read or written last.

        Raises: Conflict where it is a later one; CorruptData where it is none or an earlier one, as in a store that was
            emptied or put back meanwhile.
        """
        found = self._store.read([self._layout.offset_key])[0]
        if found == self._said:
            return
        if found is not None and from_bytes(found).position > (self._after or 0):
            raise Conflict(
                f"somebody else materializes {', '.join(self._layout.views)}",
                seen="another offset record than the one just written",
                allowed="one materialize at a time for a group",
                next_step="wait for the other one, then run it again; nothing is lost",
            )
        raise CorruptData(
            f"the online store has lost state of {', '.join(self._layout.views)} that it had taken",
            seen="no offset record" if found is None else f"its commit {from_bytes(found).position}",
            allowed=f"commit {self._after}",
            next_step=f"gapless materialize {self._layout.views[0]} --rebuild",
        )


def _next(offset: Offset, /, **changes: Any) -> Offset:
    return msgspec.structs.replace(offset, position=offset.position + 1, **changes)


def _position(data: bytes | None) -> int | None:
    """None for what is no record."""
    try:
        return 0 if data is None else unpack(data).position
    except CorruptData:
        return None
