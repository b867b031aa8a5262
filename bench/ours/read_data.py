"""A workspace with one live model and its online state; and the same features as a table, for who stores values.

`python -m bench.ours.read_data '{"folder": …, "events": …, "keys": …}'` writes `workspace/` and `features.parquet`
(key, 50 features, event_timestamp), whose rows are the features of every key at AT_US.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import gapless as gl
from gapless.clock import DAY, HOUR

AT_US = 1_706_745_600_000_000  # 2024-02-01
MODEL = "reader"
VIEW = "view"
TIME = pa.timestamp("us", "UTC")


def write(folder: str, events: int, keys: int) -> None:
    half = Path(f"{folder}.{os.getpid()}")
    made = half / "workspace"
    made.mkdir(parents=True)
    (made / "gapless.toml").write_text("")
    shutil.copy(Path(__file__).with_name("read_product.py"), made / "product.py")
    workspace = gl.Workspace.open(made)
    _ingest(workspace, np.random.default_rng(5), events, keys)
    workspace.train(MODEL, until_us=AT_US - DAY, evaluate_until_us=AT_US)
    workspace.materialize(model=MODEL, version="1", as_of_us=AT_US)
    workspace.promote(MODEL, "1", why="the benchmark", by="bench")
    _table(workspace, half, keys)
    if not Path(folder).exists():
        half.rename(folder)
    shutil.rmtree(half, ignore_errors=True)


def names(keys: int) -> list[str]:
    return [f"k{i:06}" for i in range(keys)]


def _ingest(workspace: gl.Workspace, draw: np.random.Generator, events: int, keys: int) -> None:
    every = np.array(names(keys))
    t = np.sort(draw.integers(AT_US - 30 * DAY, AT_US, events))
    columns = {"key": draw.choice(every, events), "v": draw.gamma(2, 30, events), "w": draw.normal(size=events)}
    workspace.ingest("events", pa.table({**columns, "t": pa.array(t, TIME)}))
    asked = np.sort(draw.integers(AT_US - 10 * DAY, AT_US, 2_000))
    ids = [f"r{i}" for i in range(len(asked))]
    requests = {"id": ids, "key": draw.choice(every, len(asked)), "t": pa.array(asked, TIME)}
    workspace.ingest("requests", pa.table(requests))
    truths = {"id": ids, "t": pa.array(asked + HOUR, TIME), "y": draw.random(len(asked)) < 0.5}
    workspace.ingest("truths", pa.table(truths))


def _table(workspace: gl.Workspace, folder: Path, keys: int) -> None:
    every = names(keys)
    requests = pa.table({"id": every, "key": every, "t": pa.array([AT_US] * keys, TIME)})
    workspace.features(MODEL, requests, folder / "asked.parquet")
    found = pq.read_table(folder / "asked.parquet")
    features = found.select(["key", *(name for name in found.column_names if name.startswith(f"{VIEW}__"))])
    pq.write_table(features.append_column("event_timestamp", found["t"]), folder / "features.parquet")


if __name__ == "__main__":
    write(**json.loads(sys.argv[1]))
