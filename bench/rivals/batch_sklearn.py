"""Read, score and write with pandas and the fitted scikit-learn estimator."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import serve


def prepare(options: dict[str, Any]) -> Any:
    state = options, pickle.loads(Path(options["pickle"]).read_bytes())
    small = {**options, "rows": f"{options['out']}.rows", "out": f"{options['out']}.small"}
    head = next(pq.ParquetFile(options["rows"]).iter_batches(batch_size=100))
    pq.write_table(pa.Table.from_batches([head]), small["rows"])
    work((small, state[1]))  # loads what pandas loads late
    return state


def work(state: Any) -> pd.DataFrame:
    options, estimator = state
    frame = pd.read_parquet(options["rows"])
    names = [name for name in frame.columns if name.startswith("x")]
    answers = estimator.predict_proba(frame[names].to_numpy(np.float32))[:, 1]
    out = pd.DataFrame({"id": frame["id"], "probability": answers.astype(np.float32)})
    out.to_parquet(options["out"], index=False)
    return out


def finish(options: dict[str, Any], out: pd.DataFrame) -> None:
    out[:1000].to_parquet(options["sample"], index=False)


if __name__ == "__main__":
    serve(prepare, work, finish)
