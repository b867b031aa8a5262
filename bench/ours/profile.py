"""Profiles by gapless."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import serve
from gapless.monitoring import CategoryCounts, NumberCounts, Profiles
from gapless.schema import Type

_BATCH_ROWS = 131_072


def prepare(options: dict[str, Any]) -> dict[str, Any]:
    pa.set_cpu_count(1)
    warm = pa.record_batch({"v": [1.0], "w": [2.0], "key": ["a"]})
    _profiles(options).add(warm, np.zeros(1, np.int64))
    return options


def _profiles(options: dict[str, Any]) -> Profiles:
    return Profiles({name: Type(kind) for name, kind in options["columns"].items()})


def work(options: dict[str, Any]) -> Profiles:
    profiles = _profiles(options)
    with pq.ParquetFile(options["path"]) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=list(options["columns"]), use_threads=False):
            profiles.add(batch, np.zeros(batch.num_rows, np.int64))
    return profiles


def finish(options: dict[str, Any], out: Profiles) -> None:
    answer: dict[str, dict[str, Any]] = {}
    for one in out:
        counts = one.counts
        if isinstance(counts, NumberCounts):
            quartiles = {f"q{percent}": counts.quantile(percent / 100) for percent in (25, 50, 75)}
            numbers = {"least": counts.least, "largest": counts.largest, "mean": counts.mean, "std": counts.std}
            answer[one.column] = {"rows": counts.there, **numbers, **quartiles}
        elif isinstance(counts, CategoryCounts):
            answer[one.column] = {"rows": counts.rows - counts.missing, "distinct": counts.distinct}
    Path(options["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    serve(prepare, work, finish)
