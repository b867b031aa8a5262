"""Windowed features with pandas, request by request: what the definition says, literally. For small sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet  # noqa: F401

from bench.child import serve


def prepare(options: dict[str, Any]) -> dict[str, Any]:
    return options


def work(options: dict[str, Any]) -> pd.DataFrame:
    events = pd.read_parquet(options["events"], columns=["key", "t", "v"])
    requests = pd.read_parquet(options["requests"])
    groups = {key: (group["t"].to_numpy(), group["v"].to_numpy()) for key, group in events.groupby("key", sort=False)}
    nothing = (np.zeros(0, np.int64), np.zeros(0))
    rows = [
        features(*groups.get(key, nothing), t, options["windows"])
        for key, t in zip(requests["key"], requests["t"], strict=True)
    ]
    return pd.concat([requests, pd.DataFrame(rows)], axis=1)


def features(times: Any, values: Any, t: int, windows: dict[str, int]) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, width in windows.items():
        seen = values[(times >= t - width) & (times < t)]
        some = len(seen) > 0
        row[f"count_{name}"] = len(seen)
        row[f"sum_{name}"] = seen.sum() if some else np.nan
        row[f"mean_{name}"] = seen.mean() if some else np.nan
        row[f"min_{name}"] = seen.min() if some else np.nan
        row[f"max_{name}"] = seen.max() if some else np.nan
        row[f"last_{name}"] = seen[-1] if some else np.nan
    return row


def finish(options: dict[str, Any], out: pd.DataFrame) -> None:
    kept = out.iloc[:: options["sample_every"]].drop(columns=["key", "t"])
    kept.to_parquet(options["sample"], index=False)


if __name__ == "__main__":
    serve(prepare, work, finish)
