"""Profiles of events, or of the features of requests, counted where they are read or made; only counts travel.

splits ─► read and count ─ a piece for some columns each ─► merge ─► counts to the caller
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gapless.arrow import known_by, to_numpy
from gapless.distributing.assembling import Assembled
from gapless.distributing.computing import run_slices, sliced
from gapless.distributing.labelling import LabelLookup
from gapless.distributing.planning import Sizes, Tables
from gapless.features import SourceSplit, split_source
from gapless.monitoring import Profiles
from gapless.ports.engine import BatchEngine, Piece, Progress, Stage
from gapless.product import EventSource, FeatureSet
from gapless.schema import Type

__all__ = ["profile_events", "profile_features"]


@dataclass(frozen=True)
class _CountEvents:
    """The profiles of one split, the columns dealt out over so many partitions."""

    time: str
    columns: Mapping[str, Type]
    every_us: int | None
    known_by_us: int | None
    partitions: int

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        for piece in pieces:
            profiles = Profiles(self.columns, every_us=self.every_us)
            split: SourceSplit = pickle.loads(piece.value)
            for batch in split.read():
                seen = known_by(batch, self.known_by_us)
                profiles.add(seen, to_numpy(seen.column(self.time))[0])
            for place, columns in enumerate(_dealt(self.columns, self.partitions)):
                for number, part in enumerate(profiles.only(columns).pieces()):
                    yield Piece(place, piece.order << 32 | number, part)


def _dealt(columns: Mapping[str, Type], partitions: int) -> list[dict[str, Type]]:
    names = list(columns)
    return [{name: columns[name] for name in names[place::partitions]} for place in range(partitions)]


def _merge(pieces: Iterator[Piece]) -> Iterable[Piece]:
    """One of all."""
    merged: Profiles | None = None
    for piece in pieces:
        coming = Profiles.from_bytes(piece.value)
        if merged is None:
            merged = coming
        else:
            merged.merge(coming)
    if merged is not None:
        yield from (Piece(0, number, part) for number, part in enumerate(merged.pieces()))


def profile_events(
    engine: BatchEngine,
    source: EventSource,
    columns: Sequence[str],
    tables: Tables,
    *,
    every_us: int | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    known_by_us: int | None = None,
    sizes: Sizes | None = None,
    progress: Progress | None = None,
) -> Profiles:
    """The profiles of a source's events in [start, end), by event time.

    Raises: what the engine raises.

    Cost: each event is read once by a task; what travels grows with columns, slices and tasks, not with events.
    """
    cut = sizes or Sizes(engine.capabilities.slots)
    types = {name: source.columns[name] for name in columns}
    whole = Profiles(types, every_us=every_us)
    names = sorted({*columns, source.event_time})
    splits = split_source(
        tables.store, source, tables.versions, names, start_us=start_us, end_us=end_us, rows=cut.split_rows
    )
    if not splits:
        return whole
    partitions = min(cut.slots, len(types))
    count = _CountEvents(source.event_time, types, every_us, known_by_us, partitions)
    tasks = tuple(pickle.dumps(split) for split in splits)
    read = Stage("read and count", count, len(tasks), tasks=tasks)
    for piece in engine.run(Stage("merge", _merge, partitions, reads=(read,)), progress=progress):
        whole.merge(Profiles.from_bytes(piece.value))
    return whole


@dataclass(frozen=True)
class _CountSlice:
    """The profiles of the features of one slice."""

    time: str
    columns: Mapping[str, Type]
    every_us: int | None

    def __call__(self, assembled: Assembled) -> Iterable[Piece]:
        profiles = Profiles(self.columns, every_us=self.every_us)
        profiles.add(assembled.rows, to_numpy(assembled.rows.column(self.time))[0])
        yield from (Piece(0, number, part) for number, part in enumerate(profiles.pieces()))


def profile_features(
    engine: BatchEngine,
    features: FeatureSet,
    columns: Mapping[str, Type],
    requests: pa.RecordBatchReader,
    tables: Tables,
    *,
    label: LabelLookup | None = None,
    every_us: int | None = None,
    known_by_us: int | None = None,
    sizes: Sizes | None = None,
    progress: Progress | None = None,
) -> Profiles:
    """The profiles of the features of these requests, each as of its own time; no row comes to the caller.

    Parameters:
        columns — type by name: features, the label's value, columns of the requests.
        label — needed for its value.

    Raises: as `distributing.compute`.

    Cost: as that; requests travel with the tasks, so that all of them are held here.
    """
    cut = sizes or Sizes(engine.capabilities.slots)
    whole = Profiles(columns, every_us=every_us)
    pieces = run_slices(
        engine,
        features,
        sliced(features.requests, requests, cut.slice_rows),
        tables,
        _CountSlice(features.requests.event_time, dict(columns), every_us),
        label=label,
        known_by_us=known_by_us,
        sizes=cut,
        progress=progress,
    )
    for piece in pieces:
        whole.merge(Profiles.from_bytes(piece.value))
    return whole
