"""The inputs, made once for each size: `python -m bench.data '{"folder": …}'` writes them, `at` says where they are.

Keys are drawn with chances that fall like 1/(rank + 10), so a few are in a large part of the events, as hubs and best
sellers are. Files are in time order, as logs are.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.measure import CACHE, ROOT, say

__all__ = ["at"]

DAY_US = 86_400_000_000
START_US = 1_704_067_200_000_000  # 2024-01-01
DAYS = 120
REQUEST_DAYS = 30  # the last ones, so that the longest window is full


def at(*, events: int, requests: int, keys: int) -> Path:
    """The folder with `events.parquet` (key, t, v, w) and `requests.parquet` (id, key, t)."""
    folder = CACHE / "data" / f"{events}-{requests}-{keys}"
    if not folder.exists():
        say(f"making {events:,} events and {requests:,} requests of {keys:,} keys")
        what = {"folder": str(folder), "events": events, "requests": requests, "keys": keys}
        subprocess.run([sys.executable, "-m", "bench.data", json.dumps(what)], check=True, cwd=ROOT)
    return folder


def write(folder: str, events: int, requests: int, keys: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    half = Path(f"{folder}.{os.getpid()}")
    half.mkdir(parents=True)
    rng = np.random.default_rng(20_240_101)
    names = np.array([f"k{i:07}" for i in range(keys)])
    weight = 1 / (np.arange(keys) + 10)
    edges = np.cumsum(rng.permutation(weight) / weight.sum())

    def columns(rows: int, first_day: int) -> dict[str, Any]:
        key = names[np.minimum(np.searchsorted(edges, rng.random(rows)), keys - 1)]
        t = np.sort(rng.integers(START_US + first_day * DAY_US, START_US + DAYS * DAY_US, rows))
        return {"key": pa.array(key, pa.string()), "t": pa.array(t, pa.int64())}

    more = {name: pa.array(np.round(rng.lognormal(3, 1, events), 2), pa.float64()) for name in ("v", "w")}
    pq.write_table(pa.table({**columns(events, 0), **more}), half / "events.parquet")
    ids = {"id": pa.array([f"r{i:08}" for i in range(requests)], pa.string())}
    pq.write_table(pa.table({**ids, **columns(requests, DAYS - REQUEST_DAYS)}), half / "requests.parquet")
    with contextlib.suppress(OSError):  # another run was first
        half.rename(folder)
    shutil.rmtree(half, ignore_errors=True)


if __name__ == "__main__":
    write(**json.loads(sys.argv[1]))
