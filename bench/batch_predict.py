"""1,000,000 rows of 20 features through a boosting of 100 trees: read, score, commit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.compare import differences
from bench.measure import CACHE, ROOT, Contender, Options, runs, say
from bench.report import Findings

GOAL_RATIO = 0.8
RIVALS: dict[str, tuple[str, dict[str, Any]]] = {
    "onnxruntime": ("batch_onnxruntime", {"threads": 0}),
    "onnxruntime_1_thread": ("batch_onnxruntime", {"threads": 1}),
    "sklearn": ("batch_sklearn", {}),
}


def run(options: Options) -> Findings:
    rows = options.rows(1_000_000)
    folder = _data(rows)
    found = Findings(figures={"rows": rows})
    ours = runs(_contender("gapless", "bench.ours.batch_predict", folder, options), options.repeat)
    found.record("gapless", ours)
    found.figures["gapless_rows_per_s"] = rows / ours.wall_s
    for name, (module, more) in RIVALS.items():
        if options.wants(name):
            theirs = runs(_contender(name, f"bench.rivals.{module}", folder, options, **more), options.repeat)
            found.record(name, theirs)
            found.figures[f"{name}_different_values"] = differences(
                _sample("gapless", options), _sample(name, options)
            )["different"]
            found.ratios[name] = theirs.wall_s / ours.wall_s
    if "onnxruntime" in found.ratios:
        found.at_least("speed_of_raw_onnxruntime", GOAL_RATIO, found.ratios["onnxruntime"])
    return found


def _data(rows: int) -> Path:
    folder = CACHE / "data" / f"batch-{rows}"
    if not folder.exists():
        say(f"fitting a model and making {rows:,} rows")
        what = json.dumps({"folder": str(folder), "rows": rows})
        subprocess.run([sys.executable, "-m", "bench.ours.batch_data", what], check=True, cwd=ROOT)
    return folder


def _contender(name: str, module: str, folder: Path, options: Options, **more: Any) -> Contender:
    paths = {
        "rows": str(folder / "rows.parquet"),
        "model": str(folder / "model.onnx"),
        "pickle": str(folder / "model.pickle"),
        "out": str(options.scratch / f"{name}_out"),
        "sample": str(_sample(name, options)),
    }
    return Contender(name, module, sys.executable, {**paths, **more})


def _sample(name: str, options: Options) -> Path:
    return options.scratch / f"{name}.parquet"
