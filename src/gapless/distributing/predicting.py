"""Batch prediction by an engine: tasks score and write, one commit takes all of it.

requests ─ chunk there already? next ─► slices ─► features ─► scorer, judge ─► files without a name in the table
                                                                               └─ receipts ─► one commit: files, chunks
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from gapless.distributing.assembling import Assembled
from gapless.distributing.computing import Slicing, run_slices
from gapless.distributing.planning import Sizes, Tables
from gapless.features import checked_requests, chunked
from gapless.ports.engine import BatchEngine, Piece, Progress
from gapless.ports.offline import Part, PartWriter, SharedStore
from gapless.ports.scorer import Scorer
from gapless.product import FeatureSet
from gapless.product.trust import LEVELS
from gapless.serving import Answering, Judge, PredictReport, Version, prediction_schema, scored, trust_levels

__all__ = ["Responding", "predict"]


@dataclass(frozen=True)
class Responding:
    """Who answers, as tasks take it along: see `serving.Answering`.

    Parameters:
        open_scorer — called once in each worker process. Pickled.
        probability — whether there is one beside the prediction.
    """

    features: FeatureSet
    version: Version
    open_scorer: Callable[[], Scorer]
    probability: bool
    judge: Judge
    as_of_us: Mapping[str, int | None]
    known_by_us: int | None

    @classmethod
    def of(cls, answering: Answering, open_scorer: Callable[[], Scorer], *, probability: bool) -> Responding:
        """The same, whose scorer is opened by others."""
        return cls(
            answering.features,
            answering.version,
            open_scorer,
            probability,
            answering.judge,
            answering.as_of_us,
            answering.known_by_us,
        )

    def answering(self) -> Answering:
        """With a scorer of this process."""
        bundle = self.version.bundle_hash
        if bundle not in _SCORERS:
            _SCORERS.clear()
            _SCORERS[bundle] = self.open_scorer()
        return Answering(self.features, self.version, _SCORERS[bundle], self.judge, self.as_of_us, self.known_by_us)


_SCORERS: dict[str, Scorer] = {}
"""Of this process, by the hash of the bundle: the last one that was needed."""


@dataclass(frozen=True)
class _Receipt:
    """What a task has written."""

    part: Part
    levels: Mapping[str, int]


@dataclass(frozen=True)
class _Respond:
    """Answers of a slice, in files; `firsts` has the first row of each slice."""

    responding: Responding
    writer: PartWriter
    firsts: tuple[int, ...]

    def __call__(self, assembled: Assembled) -> Iterable[Piece]:
        answered = scored(self.responding.answering(), assembled.rows, workers=1)
        part = self.writer.write(self.firsts[assembled.slice], [answered])
        yield Piece(0, 0, pickle.dumps(_Receipt(part, trust_levels(answered.column("trust")))))


def predict(
    engine: BatchEngine,
    responding: Responding,
    requests: pa.Table | pa.RecordBatchReader,
    tables: Tables,
    store: SharedStore,
    table: str,
    *,
    run: str,
    chunk_rows: int,
    sizes: Sizes | None = None,
    progress: Progress | None = None,
) -> PredictReport:
    """Every request is in the table once: see `serving.predict`, whose guarantees hold here too.

    A run may be begun by one engine and gone on with by another: chunks have the same names and rows everywhere. What
    this start adds is one commit.

    Raises: as `serving.predict`; what the engine raises.

    Cost: the requests are read here and travel with the tasks; answers are written by the tasks.
    """
    cut = sizes or Sizes(engine.capabilities.slots)
    asked = _Asked(responding.features, chunk_rows, cut.slice_rows)
    for number, chunk in enumerate(chunked(checked_requests(responding.features.requests, requests), chunk_rows)):
        asked.add(chunk, None if store.has_batch(table, f"{run}:{number}") else f"{run}:{number}")
    receipts: list[_Receipt] = []

    def write(writer: PartWriter) -> Iterator[Part]:
        respond = _Respond(responding, writer, tuple(asked.firsts))
        for piece in run_slices(
            engine,
            responding.features,
            asked.slicing.done(),
            tables,
            respond,
            known_by_us=responding.known_by_us,
            sizes=cut,
            progress=progress,
            at_once=True,
        ):
            receipts.append(pickle.loads(piece.value))
            yield receipts[-1].part

    if asked.batch_ids:
        schema = prediction_schema(responding.features, probability=responding.probability)
        store.append_parts(table, schema, batch_ids=asked.batch_ids, write=write)
    levels: Counter[str] = Counter()
    for receipt in receipts:
        levels.update(receipt.levels)
    counted: dict[str, int] = {level: levels[level] for level in LEVELS}
    return PredictReport(table, asked.rows, asked.repeated, asked.chunks, run, counted)


class _Asked:
    """The requests of a run: those that are to be answered now as slices, each within one chunk."""

    def __init__(self, features: FeatureSet, chunk_rows: int, slice_rows: int) -> None:
        self.slicing = Slicing(features.requests)
        self.firsts: list[int] = []
        self.batch_ids: list[str] = []
        self.rows = self.repeated = self.chunks = 0
        self._slice_rows = min(slice_rows, chunk_rows)

    def add(self, chunk: pa.RecordBatch, batch_id: str | None) -> None:
        """The next chunk; without a name, it is there already."""
        if batch_id is None:
            self.repeated += chunk.num_rows
        else:
            self.batch_ids.append(batch_id)
            for start in range(0, chunk.num_rows, self._slice_rows):
                self.firsts.append(self.rows + start)
                self.slicing.add(chunk.slice(start, self._slice_rows))
        self.rows += chunk.num_rows
        self.chunks += 1
