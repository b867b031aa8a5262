"""Windowed features with gapless, from Parquet to Arrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import gapless as gl
from bench.child import serve
from bench.ours.model import files, model, warm_up
from gapless.features import compute

FUNCTIONS = ("sum", "mean", "min", "max", "last")


def prepare(options: dict[str, Any]) -> Any:
    windows = list(options["windows"])

    def features(event: Any) -> dict[str, Any]:
        of_value = {name: getattr(gl, name)(event.v, windows=windows, hop="exact") for name in FUNCTIONS}
        return {"count": gl.count(windows=windows, hop="exact"), **of_value}

    wanted = model(features)
    warm_up(wanted)
    return wanted, *files(options)


def work(state: Any) -> pa.Table:
    wanted, requests, sources = state
    return pa.Table.from_batches(list(compute(wanted, requests(), sources)))


def finish(options: dict[str, Any], out: pa.Table) -> dict[str, float]:
    ids = out["id"].take(pa.array(range(0, len(out), options["sample_every"])))
    kept = out.filter(pc.is_in(out["id"], value_set=ids.combine_chunks()))
    renamed = kept.rename_columns([name.removeprefix("view__") for name in kept.column_names])
    pq.write_table(renamed.drop_columns(["key", "t"]), options["sample"])
    inputs = [pq.read_table(options["events"], columns=["key", "t", "v"]), pq.read_table(options["requests"])]
    return {"in_and_out_mb": (sum(table.nbytes for table in inputs) + out.nbytes) / 2**20}


if __name__ == "__main__":
    serve(prepare, work, finish)
