"""The latest value with gapless, from Arrow tables to an Arrow table."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import gapless as gl
from bench.child import serve
from bench.ours.model import model, warm_up
from gapless.features import TableSources, compute, one_batch


def prepare(options: dict[str, Any]) -> Any:
    wanted = model(lambda e: {"v": gl.last(e.v), "w": gl.last(e.w)})
    warm_up(wanted)
    return wanted, pq.read_table(options["requests"]), TableSources({"events": pq.read_table(options["events"])})


def work(state: Any) -> pa.Table:
    return one_batch(compute(*state))


def finish(options: dict[str, Any], out: pa.Table) -> None:
    renamed = out.rename_columns([name.removeprefix("view__") for name in out.column_names])
    pq.write_table(renamed.select(["id", "v", "w"]), options["sample"])


if __name__ == "__main__":
    serve(prepare, work, finish)
