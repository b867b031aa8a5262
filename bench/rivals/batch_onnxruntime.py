"""Read, score and write with onnxruntime alone: Parquet to Parquet, without features, versions or resuming."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import serve

CHUNK = 1 << 17


def prepare(options: dict[str, Any]) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options["threads"]  # 0: as many as there are cores
    session = onnxruntime.InferenceSession(options["model"], settings, providers=["CPUExecutionProvider"])
    work((first_rows(options), session))
    return options, session


def first_rows(options: dict[str, Any]) -> dict[str, Any]:
    """The same work in small, which loads what pyarrow loads late."""
    head = next(pq.ParquetFile(options["rows"]).iter_batches(batch_size=100))
    small = {**options, "rows": f"{options['out']}.rows", "out": f"{options['out']}.small"}
    pq.write_table(pa.Table.from_batches([head]), small["rows"])
    return small


def work(state: Any) -> pa.Table:
    options, session = state
    table = pq.read_table(options["rows"])
    names = [name for name in table.column_names if name.startswith("x")]
    matrix = np.empty((len(table), len(names)), np.float32)
    for i, name in enumerate(names):
        matrix[:, i] = table[name].to_numpy()
    starts = range(0, len(matrix), CHUNK)
    scores = [session.run(["probability"], {"features": matrix[i : i + CHUNK]})[0] for i in starts]
    out = pa.table({"id": table["id"], "probability": np.concatenate(scores)})
    pq.write_table(out, options["out"])
    with open(options["out"], "rb+") as file:
        os.fsync(file.fileno())
    return out


def finish(options: dict[str, Any], out: pa.Table) -> None:
    pq.write_table(out[:1000], options["sample"])


if __name__ == "__main__":
    serve(prepare, work, finish)
