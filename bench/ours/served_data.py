"""A workspace with two trained versions, the first one live, its state materialized; and what the load tool sends.

`python -m bench.ours.served_data '{"folder": …, "events": …}'` writes

    workspace/            gapless.toml, product.py and all that gapless keeps
    requests.jsonl        bodies for gapless: keys and the request's own columns
    vectors.json          the features of the same requests, for servers that look nothing up, and the right answers
    model.onnx, model.pickle
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import gapless as gl
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.opening import open_scorer
from gapless.clock import DAY, HOUR, SECOND
from gapless.features import float32_matrix
from gapless.workspace.versions import fetch_bundle

DAYS = 30
END_US = 1_706_745_600_000_000  # 2024-02-01
MODEL = "will_return"
ASKED = 1_000
TRAINED_ON = 20_000
KEYS = {"customer_id": 5_000, "item_id": 500, "store_id": 50}


def write(folder: str, events: int) -> None:
    half = Path(f"{folder}.{os.getpid()}")
    shop = half / "workspace"
    shop.mkdir(parents=True)
    (shop / "gapless.toml").write_text("")
    shutil.copy(Path(__file__).with_name("served_product.py"), shop / "product.py")
    workspace = gl.Workspace.open(shop)
    draw = np.random.default_rng(11)
    _ingest(workspace, draw, events)
    workspace.train(MODEL, until_us=END_US - 2 * DAY, evaluate_until_us=END_US)
    workspace.train(f"{MODEL}_pickled", until_us=END_US - 2 * DAY, evaluate_until_us=END_US)
    workspace.train(MODEL, until_us=END_US - DAY, evaluate_until_us=END_US)  # to swap with
    for record in workspace.versions(MODEL):
        fetch_bundle(workspace, record)  # kept below the workspace, so that it can be moved
    workspace.materialize(model=MODEL, version="1", as_of_us=END_US)
    workspace.promote(MODEL, "1", why="the benchmark", by="bench")
    _bodies(workspace, half, _requests(draw, ASKED, END_US, END_US + HOUR // 2))
    if not Path(folder).exists():
        half.rename(folder)
    shutil.rmtree(half, ignore_errors=True)


def _ingest(workspace: gl.Workspace, draw: np.random.Generator, events: int) -> None:
    orders = _rows(draw, events, "order_id", "ordered_at", END_US - DAYS * DAY, END_US)
    orders |= {"pieces": pa.array(draw.integers(1, 9, events))}
    workspace.ingest("orders", pa.table(orders))
    asked = _requests(draw, max(min(TRAINED_ON, events), 1_000), END_US - 20 * DAY, END_US)
    workspace.ingest("checkouts", asked)
    refunds = np.where(draw.random(len(asked)) < asked["amount"].to_numpy() / 150, 1.0, 0.0)
    later = pa.array(asked["asked_at"].cast(pa.int64()).to_numpy() + 600 * SECOND, pa.timestamp("us", "UTC"))
    returns = {"checkout_id": asked["checkout_id"], "refund": refunds, "returned_at": later}
    workspace.ingest("returns", pa.table(returns))


def _requests(draw: np.random.Generator, rows: int, start_us: int, end_us: int) -> pa.Table:
    return pa.table(_rows(draw, rows, "checkout_id", "asked_at", start_us, end_us))


def _rows(
    draw: np.random.Generator, rows: int, id_column: str, time_column: str, start_us: int, end_us: int
) -> dict[str, Any]:
    columns: dict[str, Any] = {id_column: [f"{start_us}-{i}" for i in range(rows)]}
    columns |= {name: _keys(draw, rows, name, count) for name, count in KEYS.items()}
    columns["amount"] = np.round(draw.gamma(2, 30, rows), 2)
    columns[time_column] = pa.array(np.sort(draw.integers(start_us, end_us, rows)), pa.timestamp("us", "UTC"))
    return columns


def _keys(draw: np.random.Generator, rows: int, name: str, count: int) -> npt.NDArray[Any]:
    """A few keys are in many rows, as best sellers are."""
    weight = 1 / (np.arange(count) + 10)
    codes = draw.choice(count, rows, p=weight / weight.sum())
    return np.array([f"{name[:4]}{i:05}" for i in range(count)])[codes]


def _bodies(workspace: gl.Workspace, folder: Path, requests: pa.Table) -> None:
    rows = requests.to_pylist()
    lines = [json.dumps({"requests": [{name: _plain(value) for name, value in row.items()}]}) for row in rows]
    (folder / "requests.jsonl").write_text("\n".join(lines) + "\n")
    bundle = fetch_bundle(workspace, workspace.tracker.version(MODEL, "1"))
    names = list(bundle.manifest.names)
    workspace.features(MODEL, requests, folder / "features.parquet")
    (batch,) = pq.read_table(folder / "features.parquet").combine_chunks().to_batches()
    matrix = float32_matrix(batch, names)
    answers = open_scorer(bundle, OnnxRuntime()).score(matrix).probability
    assert answers is not None
    place = {key: i for i, key in enumerate(batch.column("checkout_id").to_pylist())}
    order = [place[row["checkout_id"]] for row in rows]
    vectors = [[None if np.isnan(x) else float(x) for x in vector] for vector in matrix[order]]
    document = {"names": names, "vectors": vectors, "probabilities": [float(answers[i]) for i in order]}
    (folder / "vectors.json").write_text(json.dumps(document))
    (folder / "model.onnx").write_bytes(bundle.read("model.onnx"))
    pickled = fetch_bundle(workspace, workspace.tracker.version(f"{MODEL}_pickled", "1"))
    (folder / "model.pickle").write_bytes(pickled.read("estimator.pkl"))


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


if __name__ == "__main__":
    write(**json.loads(sys.argv[1]))
