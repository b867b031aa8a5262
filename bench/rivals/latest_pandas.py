"""The latest value with `pandas.merge_asof`, from frames to a frame."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.child import serve


def prepare(options: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    events = pd.read_parquet(options["events"])
    requests = pd.read_parquet(options["requests"])
    work((events[:100], requests[:100]))
    return events, requests


def work(state: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    events, requests = state
    return pd.merge_asof(requests, events, on="t", by="key", allow_exact_matches=False)


def finish(options: dict[str, Any], out: pd.DataFrame) -> None:
    out[["id", "v", "w"]].to_parquet(options["sample"], index=False)


if __name__ == "__main__":
    serve(prepare, work, finish)
