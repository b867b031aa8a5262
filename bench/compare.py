"""Whether two contenders answered alike: `python -m bench.compare JSON` counts the differences.

Every contender writes the answers of some requests as Parquet: `id` and the same value columns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.measure import ROOT

__all__ = ["differences"]

TOLERANCE, TOLERANCE_32 = 1e-9, 1e-6  # of the larger of 1 and the value


def differences(ours: Path, theirs: Path) -> dict[str, int]:
    """`compared` values, and how many of them are `different`: null in one only, or too far apart."""
    what = json.dumps({"ours": str(ours), "theirs": str(theirs)})
    done = subprocess.run(
        [sys.executable, "-m", "bench.compare", what], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def count(ours: str, theirs: str) -> dict[str, int]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    def plain(table: pa.Table) -> pa.Table:
        wide = (pa.large_string(), pa.string_view())
        fields = [pa.field(f.name, pa.string()) if f.type in wide else f for f in table.schema]
        return table.cast(pa.schema(fields))

    left, right = (plain(pq.read_table(file)).sort_by("id") for file in (ours, theirs))
    assert left["id"].to_pylist() == right["id"].to_pylist(), "not the same requests"
    compared = different = 0
    for name in sorted(set(left.column_names) - {"id"}):
        a, b = left[name], right[name]
        compared += len(a)
        if pa.types.is_string(a.type):
            different += sum(p != q for p, q in zip(a.to_pylist(), b.to_pylist(), strict=True))
        else:
            x, y = (c.cast(pa.float64()).to_numpy(zero_copy_only=False) for c in (a, b))
            tolerance = TOLERANCE_32 if a.type == pa.float32() else TOLERANCE
            close = np.abs(x - y) <= tolerance * np.maximum(1, np.abs(x))
            different += int((~(close | (np.isnan(x) & np.isnan(y)))).sum())
    return {"compared": compared, "different": different}


if __name__ == "__main__":
    print(json.dumps(count(**json.loads(sys.argv[1]))))
