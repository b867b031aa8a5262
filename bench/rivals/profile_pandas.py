"""pandas' describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from bench.child import serve


def prepare(options: dict[str, Any]) -> dict[str, Any]:
    return options


def work(options: dict[str, Any]) -> dict[str, Any]:
    frame = pd.read_parquet(options["path"], columns=list(options["columns"]), use_threads=False)
    return {name: frame[name].describe() for name in options["columns"]}


def finish(options: dict[str, Any], out: dict[str, Any]) -> None:
    answer: dict[str, dict[str, float]] = {}
    for name, seen in out.items():
        if options["columns"][name] == "string":
            answer[name] = {"rows": float(seen["count"]), "distinct": float(seen["unique"])}
        else:
            named = {"rows": "count", "least": "min", "largest": "max", "mean": "mean", "std": "std"}
            named |= {"q25": "25%", "q50": "50%", "q75": "75%"}
            answer[name] = {ours: float(seen[theirs]) for ours, theirs in named.items()}
    Path(options["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    serve(prepare, work, finish)
