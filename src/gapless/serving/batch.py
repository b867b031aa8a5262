"""Batch prediction: requests in, a table of predictions out, resumable and each row once.

requests ─ chunk i ─► features as of each request ─► float32 ─► scorer ─► append(batch_id = run, i)
             └ there already? next
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import TIMESTAMP
from gapless.features import Limits, SourceReader, ahead, checked_requests, chunked, compute, float32_matrix, in_order
from gapless.ports.offline import OfflineStore
from gapless.ports.scorer import Float32, Scorer, Scores
from gapless.product import Model

__all__ = ["PredictReport", "Version", "chunk_rows_for", "predict", "prediction_schema", "run_identity"]

_SLICE_ROWS = 1 << 15


@dataclass(frozen=True)
class Version:
    """Which model answers: its registered version and the hashes of what it was made from."""

    model: str
    version: str
    definition_hash: str
    bundle_hash: str


@dataclass(frozen=True)
class PredictReport:
    """What a run did. `rows_repeated` were in the table already, from an earlier start of the same run."""

    table: str
    rows: int
    rows_repeated: int
    chunks: int
    run: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_identity(requests_hash: str, version: Version) -> str:
    """The name of "these requests, scored by this version": starting it twice is one run.

    Examples:
        >>> v = Version("m", "1", "d", "b")
        >>> run_identity("r", v) == run_identity("r", v), len(run_identity("r", v))
        (True, 64)
    """
    parts = [requests_hash, version.model, version.version, version.definition_hash, version.bundle_hash]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def prediction_schema(model: Model, *, probability: bool) -> pa.Schema:
    """The columns of a table of predictions."""
    assert model.requests.event_id is not None
    kind = model.requests.columns[model.requests.event_id]
    fields = [
        pa.field("request_id", pa.string() if kind.value == "string" else pa.int64()),
        pa.field("as_of", TIMESTAMP),
        pa.field("prediction", pa.float32()),
        *([pa.field("probability", pa.float32())] if probability else []),
        pa.field("model", pa.string()),
        pa.field("model_version", pa.string()),
        pa.field("definition_hash", pa.string()),
    ]
    return pa.schema(fields)


def chunk_rows_for(model: Model, limits: Limits) -> int:
    """Requests per commit: many where every chunk reads the sources again, fewer where there is nothing to read."""
    rows = limits.chunk_rows(len(model.outputs))
    return rows if model.views else min(rows, 1 << 18)


def predict(
    model: Model,
    version: Version,
    scorer: Scorer,
    requests: pa.Table | pa.RecordBatchReader,
    sources: SourceReader,
    store: OfflineStore,
    table: str,
    *,
    run: str,
    chunk_rows: int,
    limits: Limits = Limits(),  # noqa: B008  frozen
    progress: Callable[[int], None] | None = None,
) -> PredictReport:
    """Every request is in the table once, with its prediction, however often this was started.

    Parameters:
        requests — with the columns of the model's requests, in the same order at every start.
        run — the identity of this run (see `run_identity`); names the chunks in the table.
        chunk_rows — requests per commit; the same at every start (see `pins`).
        sources — at the same versions at every start.

    Raises: InputError for requests that do not fit; StorageError; what the scorer raises.

    Guarantees: killed at any point and started again, the table is that of an undisturbed run, row for row.

    Cost: memory of one chunk and its features, whatever the number of requests.
    """
    done = repeated = count = 0
    for i, chunk in enumerate(ahead(chunked(checked_requests(model.requests, requests), chunk_rows))):
        batch_id = f"{run}:{i}"
        if store.has_batch(table, batch_id):
            repeated += chunk.num_rows
        else:
            answered = _answered(model, version, scorer, chunk, sources, limits)
            reader = pa.RecordBatchReader.from_batches(answered.schema, [answered])
            store.append(table, reader, batch_id=batch_id)
        done, count = done + chunk.num_rows, i + 1
        if progress is not None:
            progress(done)
    return PredictReport(table, done, repeated, count, run)


def _answered(
    model: Model, version: Version, scorer: Scorer, chunk: pa.RecordBatch, sources: SourceReader, limits: Limits
) -> pa.RecordBatch:
    # One chunk here is one chunk there, so that what was committed together was computed together.
    parts = compute(model, pa.Table.from_batches([chunk]), sources, limits=limits)
    answered = [_scored(model, version, scorer, part, limits.workers) for part in parts]
    return answered[0] if len(answered) == 1 else pa.concat_batches(answered)


def _scored(model: Model, version: Version, scorer: Scorer, features: pa.RecordBatch, workers: int) -> pa.RecordBatch:
    scores = _in_slices(scorer, float32_matrix(features, model.vector), workers)
    rows = features.num_rows
    columns: Iterator[pa.Array] = iter(
        [
            features.column(model.requests.event_id),
            features.column(model.requests.event_time),
            _answers(scores.prediction),
            *([] if scores.probability is None else [_answers(scores.probability)]),
            *(pa.array([text]).take(pa.array(np.zeros(rows, np.int32))) for text in _stamps(version)),
        ]
    )
    schema = prediction_schema(model, probability=scores.probability is not None)
    return pa.RecordBatch.from_arrays(list(columns), schema=schema)


def _in_slices(scorer: Scorer, matrix: Float32, workers: int) -> Scores:
    """Scores of all rows, by several threads; a row's answer has the same bits in any batch."""
    slices = [matrix[start : start + _SLICE_ROWS] for start in range(0, len(matrix), _SLICE_ROWS)]
    parts = list(in_order(scorer.score, slices, workers=workers))
    probabilities = [part.probability for part in parts if part.probability is not None]
    prediction = np.concatenate([part.prediction for part in parts])
    return Scores(prediction, np.concatenate(probabilities) if probabilities else None)


def _stamps(version: Version) -> tuple[str, str, str]:
    return version.model, version.version, version.definition_hash


def _answers(values: npt.NDArray[np.float32]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
