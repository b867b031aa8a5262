"""The history of a source in the order of its places: what materializing reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import KNOWN_AT, OFFSET
from gapless.features import Deriving, newest_versions, read_table
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.ports.tables import source_table
from gapless.product import EventSource

__all__ = ["History", "StoreHistory", "range_of", "wanted_of"]


class History(Protocol):
    """Events of sources, each with its place (0, 1, 2…) and the instant at which it became known."""

    def end(self, source: EventSource) -> int:
        """The place after the last event."""
        ...

    def read(
        self,
        source: EventSource,
        columns: Sequence[str],
        *,
        offsets: tuple[int, int],
        known: tuple[int | None, int],
    ) -> Iterator[pa.RecordBatch]:
        """The columns, `_known_at` and `_offset` of events in the order of their places.

        Parameters:
            offsets — places in [start, end).
            known — became known after the first instant (None: ever) and by the second.
        """
        ...


class StoreHistory:
    """What was ingested from files, each table at one pinned version. A source that was only landed has none.

    Parameters:
        sources — by name, none of them derived; what is derived from them is read too.
        may_be_empty — a source that has no events at all has none here either, instead of being an error.
        deriving — runs pandas functions.

    Raises: NotFound for a source without any events.
    """

    def __init__(
        self,
        store: OfflineStore,
        sources: Mapping[str, EventSource],
        *,
        may_be_empty: bool = False,
        deriving: Deriving | None = None,
    ) -> None:
        self._store, self._deriving = store, deriving or Deriving()
        if may_be_empty:
            found = {name: store.version(source_table(source)) for name, source in sources.items()}
            self.versions = {name: version for name, version in found.items() if version is not None}
        else:
            newest = newest_versions(store, sources)
            self.versions = {name: version for name, version in newest.items() if name in sources}

    def end(self, source: EventSource) -> int:
        """See History.end. Cost: the table's metadata."""
        source = source.origin
        if source.name not in self.versions:
            return 0
        return self._store.stats(source_table(source), version=self.versions[source.name]).rows

    def read(
        self,
        source: EventSource,
        columns: Sequence[str],
        *,
        offsets: tuple[int, int],
        known: tuple[int | None, int],
    ) -> Iterator[pa.RecordBatch]:
        """See History.read."""
        return self._deriving.batches(
            source, columns, lambda origin, names: self._stored(origin, names, offsets=offsets, known=known)
        )

    def _stored(
        self,
        source: EventSource,
        columns: Sequence[str],
        *,
        offsets: tuple[int, int],
        known: tuple[int | None, int],
    ) -> Iterator[pa.RecordBatch]:
        if source.name not in self.versions:
            return
        reader = read_table(
            self._store,
            source,
            source_table(source),
            [*columns, KNOWN_AT, OFFSET],
            version=self.versions[source.name],
            within=range_of(offsets, known),
        )
        for batch in reader:
            kept = batch.filter(wanted_of(batch, offsets, known))
            if kept.num_rows:
                yield kept


def range_of(offsets: tuple[int, int], known: tuple[int | None, int]) -> TimeRange:
    """What skips files and row groups: places for what is new, instants for what was late."""
    return TimeRange(OFFSET, *offsets) if known[0] is None else TimeRange(KNOWN_AT, known[0] + 1, known[1] + 1)


def wanted_of(batch: pa.RecordBatch, offsets: tuple[int, int], known: tuple[int | None, int]) -> pa.Array:
    """Which events of a batch are in these places and became known then: see `History.read`."""
    place, when = batch.column(OFFSET), batch.column(KNOWN_AT).view(pa.int64())
    wanted = pc.and_(pc.greater_equal(place, offsets[0]), pc.less(place, offsets[1]))
    wanted = pc.and_(wanted, pc.less_equal(when, known[1]))
    return wanted if known[0] is None else pc.and_(wanted, pc.greater(when, known[0]))
