"""Batch prediction: requests in, a table of predictions out, resumable and each row once.

requests ─ chunk i ─► features as of each request ─► float32 ─► scorer ─► judge ─► append(batch_id = run, i)
             └ there already? next
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import TIMESTAMP, to_numpy
from gapless.features import (
    DerivedSources,
    Limits,
    SourceReader,
    ahead,
    checked_requests,
    chunked,
    compute,
    float32_matrix,
    in_order,
)
from gapless.ports.offline import OfflineStore
from gapless.ports.scorer import Float32, Scorer
from gapless.product import FeatureSet
from gapless.product.trust import LEVELS
from gapless.serving.trust import Judge

__all__ = [
    "Answering",
    "PredictReport",
    "Version",
    "chunk_rows_for",
    "predict",
    "prediction_schema",
    "run_identity",
    "scored",
    "trust_levels",
]

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
    """What a run did. `rows_repeated` were in the table already, from an earlier start of the same run; `trust` counts
    the levels of all others."""

    table: str
    rows: int
    rows_repeated: int
    chunks: int
    run: str
    trust: Mapping[str, int] = field(default_factory=dict)

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


def prediction_schema(features: FeatureSet, *, probability: bool) -> pa.Schema:
    """The columns of a table of predictions."""
    assert features.requests.event_id is not None
    kind = features.requests.columns[features.requests.event_id]
    fields = [
        pa.field("request_id", pa.string() if kind.value == "string" else pa.int64()),
        pa.field("as_of", TIMESTAMP),
        pa.field("prediction", pa.float32()),
        *([pa.field("probability", pa.float32())] if probability else []),
        pa.field("trust", pa.string()),
        pa.field("reasons", pa.string()),
        pa.field("model", pa.string()),
        pa.field("model_version", pa.string()),
        pa.field("definition_hash", pa.string()),
    ]
    return pa.schema(fields)


def chunk_rows_for(features: FeatureSet, limits: Limits) -> int:
    """Requests per commit: many where every chunk reads the sources again, fewer where there is nothing to read."""
    rows = limits.chunk_rows(len(features.outputs))
    return rows if features.views else min(rows, 1 << 18)


@dataclass(frozen=True, eq=False)
class Answering:
    """Who answers, and by what an answer is judged.

    Parameters:
        as_of_us — by view: everything known until then is in the sources; None or absent: they hold nothing for it.
        known_by_us — events that became known later are not seen.
    """

    features: FeatureSet
    version: Version
    scorer: Scorer
    judge: Judge
    as_of_us: Mapping[str, int | None] = field(default_factory=dict)
    known_by_us: int | None = None


def predict(
    answering: Answering,
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
    sources = DerivedSources.around(sources)
    done = repeated = count = 0
    levels: Counter[str] = Counter()
    checked = checked_requests(answering.features.requests, requests)
    for i, chunk in enumerate(ahead(chunked(checked, chunk_rows))):
        batch_id = f"{run}:{i}"
        if store.has_batch(table, batch_id):
            repeated += chunk.num_rows
        else:
            answered = _answered(answering, chunk, sources, limits)
            reader = pa.RecordBatchReader.from_batches(answered.schema, [answered])
            if not store.append(table, reader, batch_id=batch_id).repeated:
                levels.update(trust_levels(answered.column("trust")))
        done, count = done + chunk.num_rows, i + 1
        if progress is not None:
            progress(done)
    return PredictReport(table, done, repeated, count, run, {level: levels[level] for level in LEVELS})


def trust_levels(column: pa.Array) -> dict[str, int]:
    """How many rows have each level."""
    return {item["values"]: item["counts"] for item in pc.value_counts(column).to_pylist()}


def _answered(answering: Answering, chunk: pa.RecordBatch, sources: SourceReader, limits: Limits) -> pa.RecordBatch:
    # One chunk here is one chunk there, so that what was committed together was computed together.
    requests, known_by = pa.Table.from_batches([chunk]), answering.known_by_us
    parts = compute(answering.features, requests, sources, known_by_us=known_by, limits=limits)
    answered = [scored(answering, part, workers=limits.workers) for part in parts]
    return answered[0] if len(answered) == 1 else pa.concat_batches(answered)


def scored(answering: Answering, table: pa.RecordBatch, *, workers: int) -> pa.RecordBatch:
    """Answers and trust of requests with their features, by several threads; a row has the same bits in any batch."""
    features, rows = answering.features, table.num_rows
    matrix = float32_matrix(table, features.vector)
    slices = [slice(start, min(start + _SLICE_ROWS, rows)) for start in range(0, rows, _SLICE_ROWS)]
    parts = in_order(lambda part: _scored_slice(answering, table, matrix, part), slices, workers=workers)
    found = [pa.concat_arrays(column) for column in zip(*parts, strict=True)]
    columns = [
        table.column(features.requests.event_id),
        table.column(features.requests.event_time),
        *found,
        *(pa.array([text]).take(pa.array(np.zeros(rows, np.int32))) for text in _stamps(answering.version)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=prediction_schema(features, probability=len(found) == 4))


def _scored_slice(answering: Answering, features: pa.RecordBatch, matrix: Float32, part: slice) -> tuple[pa.Array, ...]:
    """(prediction, probability where there is one, trust, reasons) of some rows."""
    rows, values = features.slice(part.start, part.stop - part.start), matrix[part]
    scores = answering.scorer.score(values)
    at, _ = to_numpy(rows.column(answering.features.requests.event_time))
    judged = answering.judge.judge_table(
        dict(zip(rows.schema.names, rows.columns, strict=True)),
        values,
        at_us=at,
        as_of_us=answering.as_of_us,
        answered=~np.isnan(scores.main),
    )
    found = [scores.prediction] if scores.probability is None else [scores.prediction, scores.probability]
    return *(_answers(column) for column in found), *judged.to_arrow()


def _stamps(version: Version) -> tuple[str, str, str]:
    return version.model, version.version, version.definition_hash


def _answers(values: npt.NDArray[np.float32]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
