"""A model around the benchmark's tables: what gapless is asked to compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import gapless as gl
from gapless.features import TableSources, compute, one_batch

__all__ = ["files", "model", "warm_up"]

EVENTS = {"key": str, "t": datetime, "v": float, "w": float}
REQUESTS = {"id": str, "key": str, "t": datetime}
BATCH_ROWS = 1 << 18


def model(features: Callable[[Any], dict[str, Any]]) -> gl.Model:
    """A model whose one view, `view`, holds `features` of the entity `key`."""
    events = gl.EventSource("events", schema=EVENTS, event_time="t")
    requests = gl.EventSource("requests", schema=REQUESTS, event_time="t", event_id="id")
    truths = gl.EventSource("truths", schema={"id": str, "t": datetime, "y": bool}, event_time="t")

    def view(event: Any) -> dict[str, Any]:
        return features(event)

    made = gl.feature_view(entity=gl.Entity("key", keys=["key"]), source=events)(view)
    label = gl.Label("y", source=truths, value=lambda row: row.y, give_up_after="1d")
    return gl.Model("bench", requests=requests, features=[made], label=label, estimator=object, metrics=["roc_auc"])


def files(options: dict[str, Any]) -> tuple[Callable[[], pa.RecordBatchReader], TableSources]:
    """The requests and the events as readers of the Parquet files, opened when they are asked for."""

    def requests() -> pa.RecordBatchReader:
        return reader(options["requests"], list(REQUESTS))

    return requests, TableSources({"events": lambda columns: reader(options["events"], columns)})


def reader(file: str, columns: Sequence[str]) -> pa.RecordBatchReader:
    parquet = pq.ParquetFile(file)
    schema = pa.schema([parquet.schema_arrow.field(name) for name in columns])
    batches = parquet.iter_batches(batch_size=BATCH_ROWS, columns=list(columns))
    return pa.RecordBatchReader.from_batches(schema, (batch.select(list(columns)) for batch in batches))


def warm_up(wanted: gl.Model) -> None:
    """Loads the compiled kernels: what is measured is the second training set of a session, not the first."""
    rows = {"key": ["a", "a"], "t": pa.array([1, 2], pa.int64())}
    events = pa.table({**rows, "v": [1.0, 2.0], "w": [3.0, 4.0]})
    one_batch(compute(wanted, pa.table({"id": ["1", "2"], **rows}), TableSources({"events": events})))
