"""A fitted model, its ONNX form and the rows to score: `python -m bench.ours.batch_data '{"folder": …, "rows": …}'`."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier

from gapless.bundle.convert import to_onnx

COLUMNS = [f"x{i:02}" for i in range(20)]
TRAINED_ON = 20_000


def learned_from(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The rows that the estimator is fitted on; the first draw of the generator."""
    return rng.normal(size=(TRAINED_ON, len(COLUMNS)))


def write(folder: str, rows: int) -> None:
    half = Path(f"{folder}.{os.getpid()}")
    half.mkdir(parents=True)
    rng = np.random.default_rng(7)
    features = learned_from(rng)
    logit = features[:, 0] + features[:, 1] * features[:, 2] + np.sin(3 * features[:, 3])
    estimator = HistGradientBoostingClassifier(max_iter=100, random_state=0)
    estimator.fit(features.astype(np.float32), rng.random(TRAINED_ON) < 1 / (1 + np.exp(-logit)))
    (half / "model.onnx").write_bytes(to_onnx(estimator, width=len(COLUMNS), kind="classification"))
    (half / "model.pickle").write_bytes(pickle.dumps(estimator))
    table: dict[str, Any] = {"id": [f"r{i:08}" for i in range(rows)], "t": np.arange(rows) * 1_000}
    table |= {name: rng.normal(size=rows) for name in COLUMNS}
    pq.write_table(pa.table(table), half / "rows.parquet")
    if not Path(folder).exists():
        half.rename(folder)
    shutil.rmtree(half, ignore_errors=True)


if __name__ == "__main__":
    write(**json.loads(sys.argv[1]))
