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
from typing import Any, Literal

import msgspec
import pyarrow as pa

from gapless.clock import format_instant
from gapless.errors import Conflict, CorruptData, InputError
from gapless.features import Group, chunked
from gapless.online.chunks import arrived, changed
from gapless.online.history import History
from gapless.online.layout import Layout
from gapless.online.offsets import Job, Offset, from_bytes, to_bytes
from gapless.online.record import unpack
from gapless.ports.online import OnlineStore, Update

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
) -> tuple[Materialized, ...]:
    """Every group's state holds the history as it was known at `as_of_us`, or at the later instant it already knew.

    Parameters:
        groups — of `features.plan_groups`; groups that share their state are filled once.
        chunk_events — events per commit: more make fewer writes, and take more memory.
        rebuild — fill anew from the first event, for state that is damaged; readers see none until it is through.
        progress — called with the number of events taken in so far.

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
            filling = _Filling(layout, history, store, _counting(progress, before))
            filled[layout.namespace] = filling.run(as_of_us, chunk_events, rebuild)
    return tuple(filled.values())


def _counting(progress: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda events: progress(before + events)


class _Filling:
    """One group on its way to an instant."""

    def __init__(self, layout: Layout, history: History, store: OnlineStore, progress: Callable[[int], None]) -> None:
        self._layout, self._history, self._store, self._progress = layout, history, store, progress
        self._columns = sorted(layout.group.columns)
        self._events = self._records = self._chunks = 0

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
        data = self._store.read([self._layout.offset_key])[0]
        if data is not None and not rebuild:
            return from_bytes(data)
        position = self._newest_position(data)
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
        """Of all that was ever written here: what is written from now on has to win over it."""
        try:
            # a commit that was cut off may have written records one ahead of it
            known = 0 if data is None else from_bytes(data).position + 1
        except CorruptData:
            known = 0
        return known or self._scanned_position()

    def _scanned_position(self) -> int:
        """Without an offset record there are no records either, unless it was lost."""
        newest, some = 0, []
        for key in self._store.keys(self._layout.namespace):
            some.append(key)
            if len(some) == _SCANNED_KEYS:
                newest, some = max(newest, *self._positions(some)), []
        return max([newest, *self._positions(some)])

    def _positions(self, keys: Sequence[bytes]) -> list[int]:
        found = self._store.read(keys)
        return [_position(data) for key, data in zip(keys, found, strict=True) if key != self._layout.offset_key]

    def _finish(self, offset: Offset) -> Offset:
        """The job of the offset record is done, from where it stands."""
        job = offset.job
        assert job is not None, "called with a job"
        for phase in _PHASES[_PHASES.index(job.phase) :]:
            if phase != job.phase:
                job = msgspec.structs.replace(job, phase=phase, done=0)
            for batch in self._batches(offset, job):
                job = msgspec.structs.replace(job, done=batch.column("_offset")[-1].as_py() + 1)
                offset = self._chunk(offset, job, batch)
        return self._commit({}, _next(offset, offset=job.offset, as_of_us=job.as_of_us, job=None))

    def _batches(self, offset: Offset, job: Job) -> Iterator[pa.RecordBatch]:
        """What the phase still has to take in, cut as the plan says."""
        after: int | None
        if job.phase == "old":
            if offset.as_of_us is None or not offset.offset:
                return iter(())
            offsets, after = (job.done, offset.offset), offset.as_of_us
        else:
            offsets, after = (max(job.done, offset.offset), job.offset), None
        found = self._history.read(
            self._layout.group.source, self._columns, offsets=offsets, known=(after, job.as_of_us)
        )
        return chunked(found, job.chunk_events)

    def _chunk(self, offset: Offset, job: Job, batch: pa.RecordBatch) -> Offset:
        following = _next(offset, job=job)
        new = arrived(self._layout, batch, job.as_of_us)
        records = changed(
            self._layout, new, self._store.read,
            as_of_us=job.as_of_us, base=offset.base, position=following.position,
        )  # fmt: skip
        self._commit(records, following)
        self._events, self._records, self._chunks = (
            self._events + batch.num_rows,
            self._records + len(records),
            self._chunks + 1,
        )
        self._progress(self._events)
        return following

    def _commit(self, records: dict[bytes, bytes], offset: Offset) -> Offset:
        key, said = self._layout.offset_key, to_bytes(offset)
        updates = {name: Update(offset.position, data) for name, data in records.items()}
        self._store.commit(updates, {key: Update(offset.position, said)})
        found = self._store.read([key])[0]
        if found != said:
            raise Conflict(
                f"somebody else materializes {', '.join(self._layout.views)}",
                seen="another offset record than the one just written",
                allowed="one materialize at a time for a group",
                next_step="wait for the other one, then run it again; nothing is lost",
            )
        return offset


def _next(offset: Offset, /, **changes: Any) -> Offset:
    return msgspec.structs.replace(offset, position=offset.position + 1, **changes)


def _position(data: bytes | None) -> int:
    try:
        return 0 if data is None else unpack(data).position
    except CorruptData:
        return 0
