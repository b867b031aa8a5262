"""Events of a stream, made once for each size: `python -m bench.flow '{"folder": …}'` writes them, `flow` says where.

Each has a key, an instant and a value; they are in time order over seven days, as long as the longest window. Keys are
drawn alike ("uniform"), or with chances that fall like 1/rank**1.1 ("zipf"): the first one is then in a tenth of all.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import CACHE, ROOT, say

__all__ = ["DRAWS", "END_US", "START_US", "flow"]

DAY_US = 86_400_000_000
START_US = 1_704_067_200_000_000  # 2024-01-01
DAYS = 7
END_US = START_US + DAYS * DAY_US
DRAWS = {"uniform": 0.0, "zipf": 1.1}


def flow(draw: str, *, events: int, keys: int) -> Path:
    """A Parquet file with `key`, `t` in µs, `v`, in the order of `t`."""
    folder = CACHE / "data" / f"flow-{draw}-{events}-{keys}"
    if not folder.exists():
        say(f"making {events:,} events of {keys:,} keys, {draw}")
        what = {"folder": str(folder), "draw": draw, "events": events, "keys": keys}
        subprocess.run([sys.executable, "-m", "bench.flow", json.dumps(what)], check=True, cwd=ROOT)
    return folder / "events.parquet"


def write(folder: str, draw: str, events: int, keys: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    half = Path(f"{folder}.{os.getpid()}")
    half.mkdir(parents=True)
    rng = np.random.default_rng(20_240_101)
    names = rng.permutation([f"k{i:06}" for i in range(keys)])
    weight = 1 / (np.arange(keys) + 1.0) ** DRAWS[draw]
    edges = np.cumsum(weight) / weight.sum()
    key = names[np.minimum(np.searchsorted(edges, rng.random(events)), keys - 1)]
    columns = {
        "key": pa.array(key, pa.string()),
        "t": pa.array(np.sort(rng.integers(START_US, END_US, events)), pa.int64()),
        "v": pa.array(np.round(rng.lognormal(3, 1, events), 2), pa.float64()),
    }
    pq.write_table(pa.table(columns), half / "events.parquet")
    with contextlib.suppress(OSError):  # another run was first
        half.rename(folder)
    shutil.rmtree(half, ignore_errors=True)


if __name__ == "__main__":
    write(**json.loads(sys.argv[1]))
