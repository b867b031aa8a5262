"""Tiles of a history by an engine: the chunks that `online.materialize` commits, built by tasks.

splits ─► events of chunk c, key bucket b ─► tiles of its keys ─┐
                                    ... of the next bucket ─────┴─► chunk c, whole ─► merged and committed by the caller
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, kept, to_numpy
from gapless.distributing.blocks import packed, unpacked
from gapless.distributing.buckets import bucket_of, dealt
from gapless.distributing.planning import Sizes
from gapless.distributing.scanning import read_derived
from gapless.features import Deriving, Group, SourceSplit, split_table
from gapless.online import Arrived, Chunk, Layout, StoreHistory, arrived, range_of, wanted_of
from gapless.ports.engine import BatchEngine, Piece, Progress, Stage, orderly
from gapless.ports.offline import SplitReads
from gapless.ports.tables import source_table
from gapless.product import stored_columns
from gapless.windows.tiles import Arrival

__all__ = ["EngineArrivals"]

_EVENTS = "events"
_AT_ONCE = 16
_PART_KEYS = 20_000


@dataclass(frozen=True)
class EngineArrivals:
    """`online.Arrivals` by an engine.

    Parameters:
        history — knows the pinned versions, and where chunks end.
        store — where it lies, for many readers.

    Cost: the places and known times of the events are read here as well, to cut chunks where everybody cuts them.
        Tasks build the tiles; merging them with what is there and writing records is the caller's.
    """

    engine: BatchEngine
    history: StoreHistory
    store: SplitReads
    sizes: Sizes
    progress: Progress | None = None

    def __call__(
        self, layout: Layout, *, offsets: tuple[int, int], known: tuple[int | None, int], rows: int
    ) -> Iterator[Chunk]:
        """See Arrivals."""
        ends = self._ends(layout, offsets, known, rows)
        for first in range(0, len(ends), _AT_ONCE):
            some = ends[first : first + _AT_ONCE]
            start = ends[first - 1][0] if first else offsets[0]
            yield from self._built(layout, (start, some[-1][0]), known, some)

    def _ends(
        self, layout: Layout, offsets: tuple[int, int], known: tuple[int | None, int], rows: int
    ) -> list[tuple[int, int]]:
        """Of each chunk: the place after its last event, and how many it has."""
        found: list[tuple[int, int]] = []
        count = last = 0
        for batch in self.history.read(layout.group.source, [], offsets=offsets, known=known):
            places, _ = to_numpy(batch.column(OFFSET))
            for cut in range(rows - count, len(places) + 1, rows):
                found.append((int(places[cut - 1]) + 1, rows))
            count, last = (count + len(places)) % rows, int(places[-1]) + 1
        return [*found, (last, count)] if count else found

    def _built(
        self,
        layout: Layout,
        offsets: tuple[int, int],
        known: tuple[int | None, int],
        ends: Sequence[tuple[int, int]],
    ) -> Iterator[Chunk]:
        buckets = max(self.sizes.slots // len(ends), 1)
        columns, source = sorted(layout.group.columns), layout.group.source
        splits = split_table(
            self.store,
            source.origin,
            source_table(source.origin),
            [*sorted(stored_columns(source, columns)), KNOWN_AT, OFFSET],
            version=self.history.versions[source.origin.name],
            within=range_of(offsets, known),
            rows=self.sizes.split_rows,
        )
        tasks = tuple(pickle.dumps((number, split)) for number, split in enumerate(splits))
        deal = _Deal(layout.group, offsets, known, tuple(end for end, _ in ends), buckets)
        scan = Stage("read events", deal, len(tasks), tasks=tasks)
        build = Stage("build tiles", _Build(layout.group, known[1]), len(ends) * buckets, reads=(scan,))
        parts: list[list[Arrived]] = [[] for _ in ends]
        waiting = 0
        for piece in self.engine.run(build, progress=self.progress):
            while piece.place // buckets > waiting:
                yield _whole(ends[waiting], parts[waiting])
                parts[waiting], waiting = [], waiting + 1
            parts[piece.place // buckets].append(pickle.loads(piece.value))
        for chunk in range(waiting, len(ends)):
            yield _whole(ends[chunk], parts[chunk])


@dataclass(frozen=True)
class _Deal:
    """Events to their chunk and key bucket."""

    group: Group
    offsets: tuple[int, int]
    known: tuple[int | None, int]
    ends: tuple[int, ...]
    buckets: int

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        deriving, columns = Deriving(), sorted(self.group.columns)
        for piece in pieces:
            ordinal, split = pickle.loads(piece.value)
            batches = read_derived(deriving, self.group.source, columns, self._wanted(split))
            for number, batch in enumerate(batches):
                for place, rows in dealt(batch, self._places(batch), len(self.ends) * self.buckets):
                    yield Piece(place, ordinal << 32 | number, packed(_EVENTS, rows))

    def _wanted(self, split: SourceSplit) -> Iterator[pa.RecordBatch]:
        for batch in split.read():
            wanted = kept(batch, wanted_of(batch, self.offsets, self.known))
            if wanted.num_rows:
                yield wanted

    def _places(self, batch: pa.RecordBatch) -> npt.NDArray[np.uint16]:
        places, _ = to_numpy(batch.column(OFFSET))
        chunk = np.searchsorted(self.ends, places, side="right")
        bucket = bucket_of([batch.column(key) for _, key in self.group.keys], self.buckets)
        return (chunk * self.buckets + bucket).astype(np.uint16)


@dataclass(frozen=True)
class _Build:
    """The tiles of one chunk and bucket."""

    group: Group
    as_of_us: int

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        held = orderly(pieces)
        if not held:
            return
        batch = pa.concat_batches([unpacked(piece.value)[1] for piece in held])
        whole = arrived(Layout.of(self.group), batch, self.as_of_us)
        for start in range(0, max(len(whole.keys), 1), _PART_KEYS):
            yield Piece(0, start, pickle.dumps(_part(whole, start, start + _PART_KEYS)))


def _part(whole: Arrived, start: int, stop: int) -> Arrived:
    pending = {place - start: those for place, those in whole.pending.items() if start <= place < stop}
    keys = whole.keys[start:stop]
    return Arrived(keys, whole.tiles[start:stop], whole.newest_us[start:stop], pending, 0 if start else whole.events)


def _whole(end: tuple[int, int], parts: Sequence[Arrived]) -> Chunk:
    """Parts have different keys."""
    keys: list[bytes] = []
    tiles: list[bytes] = []
    newest: list[int] = []
    pending: dict[int, list[Arrival]] = {}
    for part in parts:
        pending |= {len(keys) + place: those for place, those in part.pending.items()}
        keys += part.keys
        tiles += part.tiles
        newest += part.newest_us
    return Chunk(end[0], end[1], Arrived(keys, tiles, newest, pending, sum(part.events for part in parts)))
