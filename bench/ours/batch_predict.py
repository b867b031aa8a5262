"""Read, score and commit with gapless: features in float64, cast once, ONNX, a durable commit in a Delta table."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import gapless as gl
from bench.child import serve
from bench.ours.batch_data import COLUMNS, learned_from
from bench.ours.model import reader
from gapless.adapters.delta import DeltaStore
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.profile import profile_of
from gapless.features import Limits, TableSources
from gapless.serving import Answering, Judge, Version, chunk_rows_for, predict

ROWS = ["id", "t", *COLUMNS]


def model() -> gl.Model:
    schema = {"id": str, "t": datetime, **dict.fromkeys(COLUMNS, float)}
    requests = gl.EventSource("requests", schema=schema, event_time="t", event_id="id")
    truths = gl.EventSource("truths", schema={"id": str, "t": datetime, "y": bool}, event_time="t")

    def own(row: Any) -> dict[str, Any]:
        return {f"f{name}": getattr(row, name) for name in COLUMNS}

    label = gl.Label("y", source=truths, value=lambda row: row.y, give_up_after="1d")
    features = [gl.on_demand(own)]
    return gl.Model("bench", requests=requests, features=features, label=label, estimator=object, metrics=["roc_auc"])


def prepare(options: dict[str, Any]) -> Any:
    scorer = OnnxRuntime().scorer(Path(options["model"]).read_bytes(), takes_missing=True, smallest_batch=1)
    made, small = model(), f"{options['out']}.small"
    for folder in (options["out"], small):
        shutil.rmtree(folder, ignore_errors=True)
    head = next(iter(reader(options["rows"], ROWS)))[:100]
    score(made, scorer, pa.Table.from_batches([head]), DeltaStore(small))  # compiles the expressions
    return options, made, scorer, DeltaStore(options["out"])


def work(state: Any) -> int:
    options, made, scorer, store = state
    return score(made, scorer, reader(options["rows"], ROWS), store)


def score(made: gl.Model, scorer: Any, rows: Any, store: DeltaStore) -> int:
    answering = Answering(made.feature_set, Version("bench", "1", "", ""), scorer, judge(made))
    chunk_rows = chunk_rows_for(made.feature_set, Limits())
    report = predict(answering, rows, TableSources({}), store, "answers", run="run", chunk_rows=chunk_rows)
    return report.rows


def judge(made: gl.Model) -> Judge:
    learned = learned_from(np.random.default_rng(7)).astype(np.float32)
    return Judge(made.trust, profile_of(learned, made.vector, trained_until_us=0), made.feature_set)


def finish(options: dict[str, Any], rows: int) -> None:
    out = DeltaStore(options["out"]).read("answers", columns=["request_id", "probability"]).read_all()
    pq.write_table(out.rename_columns(["id", "probability"])[:1000], options["sample"])


if __name__ == "__main__":
    serve(prepare, work, finish)
