"""Features of a workspace's requests, by this process or by an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from gapless import distributing
from gapless.distributing import EngineArrivals, LabelLookup, Sizes, Tables
from gapless.features import DerivedSources, Deriving, StoreSources, compute
from gapless.online import Arrivals, StoreHistory
from gapless.ports.engine import BatchEngine
from gapless.product import Model
from gapless.training.training_set import known_requests, training_batches
from gapless.workspace.engines import rows_done
from gapless.workspace.parts import Parts

__all__ = ["arrivals_by", "feature_batches", "labelled_batches", "tables_of"]


def tables_of(parts: Parts, sources: StoreSources) -> Tables:
    """The tables of a model's events, for many readers."""
    return Tables(parts.offline, sources.versions, sources.rows)


def feature_batches(
    parts: Parts,
    engine: BatchEngine | None,
    model: Model,
    requests: pa.RecordBatchReader,
    sources: StoreSources,
    deriving: Deriving,
    progress: Callable[[int], None] | None,
    asked: Any,
) -> Iterator[pa.RecordBatch]:
    """See `features.compute`.

    Parameters:
        asked — what the requests are read from, to tell progress by.
    """
    if engine is None:
        read = DerivedSources(sources, deriving)
        return compute(model, requests, read, limits=parts.limits(), progress=progress)
    told = rows_done(progress, parts.count_rows(asked))
    return distributing.compute(engine, model.feature_set, requests, tables_of(parts, sources), progress=told)


def labelled_batches(
    parts: Parts,
    engine: BatchEngine | None,
    model: Model,
    sources: StoreSources,
    deriving: Deriving,
    times: tuple[int | None, int | None],
    known_by_us: int,
    progress: Callable[[int], None] | None,
) -> Iterator[pa.RecordBatch]:
    """See `training.training_set.training_batches`.

    Parameters:
        times — of the requests, [from, until).
    """
    start, end = times
    if engine is None:
        return training_batches(
            model,
            DerivedSources(sources, deriving),
            from_us=start,
            until_us=end,
            known_by_us=known_by_us,
            limits=parts.limits(),
            progress=progress,
        )
    requests = known_requests(model, sources, start, end, known_by_us)
    return distributing.compute(
        engine,
        model.feature_set,
        requests,
        tables_of(parts, sources),
        label=LabelLookup.of(model, known_by_us),
        known_by_us=known_by_us,
        progress=rows_done(progress, sources.rows(model.requests)),
    )


def arrivals_by(parts: Parts, engine: BatchEngine, history: StoreHistory) -> Arrivals:
    """Tiles of a history, built by an engine."""
    return EngineArrivals(engine, history, parts.offline, Sizes(engine.capabilities.slots))
