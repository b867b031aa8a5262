"""The latest value with `pandas.merge_asof`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.child import serve


def prepare(options: dict[str, Any]) -> dict[str, Any]:
    return options


def work(options: dict[str, Any]) -> pd.DataFrame:
    events = pd.read_parquet(options["events"], columns=["key", "t", "v", "w"])
    requests = pd.read_parquet(options["requests"])
    return pd.merge_asof(requests, events, on="t", by="key", allow_exact_matches=False)


def finish(options: dict[str, Any], out: pd.DataFrame) -> None:
    out[["id", "v", "w"]].to_parquet(options["sample"], index=False)


if __name__ == "__main__":
    serve(prepare, work, finish)
