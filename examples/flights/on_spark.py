"""The same product on Spark: features and predictions of some days, held to the local path bit by bit.

    python on_spark.py [FOLDER] [MASTER]

FOLDER holds the workspace after the demo; MASTER is local[2] of this machine, or spark://HOST:PORT.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

import gapless as gl
from gapless.clock import parse_instant

__all__ = ["Compared", "compare"]

HERE = Path(__file__).resolve().parent
MODEL = "late_arrival"
FROM, UNTIL = parse_instant("2013-12-01"), parse_instant("2013-12-15")


@dataclass(frozen=True)
class Compared:
    """Values of both paths, and how many have other bits; seconds that each took, its session included."""

    what: str
    rows: int
    values: int
    different: int
    local_s: float
    spark_s: float


def compare(folder: Path, master: str, *, from_us: int, until_us: int) -> list[Compared]:
    """Features and predictions of the requests of [from, until), by this process and by Spark."""
    here, spread = gl.Workspace.open(folder), gl.Workspace.open(folder, engine=master)
    home = here.home("on_spark")
    asks = home / "asks.parquet"
    pq.write_table(_asked(here, from_us, until_us), asks)
    found = []
    for what, run, read in (("features", _features, pq.read_table), ("predictions", _predictions, _table)):
        outs = [home / f"{what}-{name}.parquet" for name in ("local", "spark")]
        seconds = [_timed(run, workspace, asks, out) for workspace, out in zip((here, spread), outs, strict=True)]
        local, spark = (read(out) for out in outs)
        values, different = _differences(local, spark)
        found.append(Compared(what, local.num_rows, values, different, *seconds))
    return found


def _asked(workspace: gl.Workspace, from_us: int, until_us: int) -> pa.Table:
    source = workspace.product.model(MODEL).requests
    sources = workspace.sources(workspace.product.model(MODEL), labels=False, requests=True)
    return sources.read(source, list(source.columns), start_us=from_us, end_us=until_us).read_all().drop(["_known_at"])


def _features(workspace: gl.Workspace, asks: Path, out: Path) -> None:
    workspace.features(MODEL, asks, out)


def _predictions(workspace: gl.Workspace, asks: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    workspace.predict(MODEL, out, requests=asks)


def _table(folder: Path) -> pa.Table:
    return pa.table(DeltaTable(str(folder)).to_pyarrow_dataset().to_table()).sort_by("request_id")


def _timed(run: Callable[..., None], *arguments: Any) -> float:
    began = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - began


def _differences(left: pa.Table, right: pa.Table) -> tuple[int, int]:
    """(values, those with other bits); null is equal to null alone."""
    if left.schema.names != right.schema.names or left.num_rows != right.num_rows:
        return left.num_rows * left.num_columns, left.num_rows * left.num_columns
    pairs = ((left.column(name).combine_chunks(), right.column(name).combine_chunks()) for name in left.schema.names)
    return left.num_rows * left.num_columns, sum(_unequal(*pair) for pair in pairs)


def _unequal(left: pa.Array, right: pa.Array) -> int:
    wide = {pa.float64(): pa.int64(), pa.float32(): pa.int32()}
    if left.type in wide:
        left, right = left.view(wide[left.type]), right.view(wide[left.type])
    same = pc.fill_null(pc.equal(left, right), pc.and_(left.is_null(), right.is_null()))
    return int(len(left) - pc.sum(pc.and_(same, pc.equal(left.is_null(), right.is_null()))).as_py())


def main(folder: Path = HERE, master: str = "spark:local[2]") -> int:
    """Prints what was compared; gives 1 where a bit differs."""
    found = compare(folder, master, from_us=FROM, until_us=UNTIL)
    for each in found:
        print(
            f"{each.what:12} {each.rows:>7,} requests  {each.values:>10,} values  {each.different} different"
            f"  {each.local_s:.1f} s local, {each.spark_s:.1f} s on Spark"
        )
    return 1 if any(each.different or not each.values for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(*(Path(word) for word in sys.argv[1:2]), *sys.argv[2:3]))
