"""A training set by gapless: in this process, or by an engine, from the same Delta tables."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import gapless as gl
from bench.child import serve
from bench.ours.model import EVENTS, REQUESTS, files, model
from gapless.adapters.delta import DeltaStore
from gapless.adapters.spark import SparkEngine
from gapless.arrow import TIMESTAMP
from gapless.distributing import LabelLookup, Tables
from gapless.distributing import compute as compute_by
from gapless.features import Limits, StoreSources
from gapless.ingest import ingest
from gapless.training.training_set import training_batches

HOT_SHARE = 0.2
"""Of the events that one key has in the skewed history."""
KNOWN_BY_US = 1 << 60


def prepare(options: dict[str, Any]) -> Any:
    windows = list(options["windows"])

    def features(event: Any) -> dict[str, Any]:
        functions = ("sum", "mean", "min", "max", "last")
        of_value = {name: getattr(gl, name)(event.v, windows=windows, hop="exact") for name in functions}
        return {"count": gl.count(windows=windows, hop="exact"), **of_value}

    wanted = model(features)
    store = DeltaStore(_store(options, wanted))
    named = {source.name: source for source in (wanted.views[0].source, wanted.requests, wanted.label.source)}
    sources = StoreSources(store, named)
    requests, _ = files({"requests": f"{options['data']}/requests.parquet", "events": ""})
    if options["engine"] == "local":
        limits = replace(Limits(), workers=options["threads"])
        pa.set_cpu_count(options["threads"])
        return lambda: training_batches(wanted, sources, known_by_us=KNOWN_BY_US, limits=limits)
    engine = SparkEngine.open(options["engine"], libraries=("deltalake", "msgspec", "numba", "numpy", "pyarrow"))
    tables = Tables(store, sources.versions, sources.rows)
    label = LabelLookup.of(wanted, KNOWN_BY_US)

    def by(asked: Any) -> Any:
        return compute_by(engine, wanted.feature_set, asked, tables, label=label, known_by_us=KNOWN_BY_US)

    few = requests().read_all().slice(0, 200)
    list(by(few))  # workers load the compiled kernels
    return lambda: by(sources.read(wanted.requests, list(REQUESTS), start_us=None, end_us=None))


def _store(options: dict[str, Any], wanted: gl.Model) -> Path:
    """The events, requests and labels as tables, made once."""
    hot = options.get("hot", False)
    folder = Path(options["stores"]) / f"{Path(options['data']).name}{'-hot' if hot else ''}"
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.{os.getpid()}")
        store = DeltaStore(half)
        events = pq.read_table(f"{options['data']}/events.parquet")
        requests = pq.read_table(f"{options['data']}/requests.parquet")
        ingest(store, wanted.views[0].source, _typed(_heated(events) if hot else events, EVENTS))
        ingest(store, wanted.requests, _typed(requests, REQUESTS))
        late = pa.array(requests["t"].to_numpy() + 3_600_000_000)
        truth = pa.table({"id": requests["id"], "t": late, "y": pc.equal(pc.bit_wise_and(requests["t"], 1), 0)})
        ingest(store, wanted.label.source, _typed(truth, {"id": str, "t": None, "y": bool}))
        shutil.move(half, folder)
    return folder


def _heated(events: pa.Table) -> pa.Table:
    hot = np.random.default_rng(7).random(len(events)) < HOT_SHARE
    keys = pc.if_else(pa.array(hot), pa.scalar("k0000000"), events["key"].combine_chunks())
    return events.set_column(events.column_names.index("key"), "key", keys)


def _typed(table: pa.Table, names: Any) -> pa.Table:
    columns = {name: table[name].cast(TIMESTAMP) if name == "t" else table[name] for name in names}
    return pa.table(columns)


def work(state: Any) -> pa.Table:
    return pa.Table.from_batches(list(state()))


def finish(options: dict[str, Any], out: pa.Table) -> dict[str, float]:
    ids = pq.read_table(f"{options['data']}/requests.parquet", columns=["id"])["id"].combine_chunks()
    kept = out.filter(pc.is_in(out["id"], value_set=ids.take(pa.array(range(0, len(ids), options["sample_every"])))))
    renamed = kept.rename_columns([name.removeprefix("view__") for name in kept.column_names])
    extra = [name for name in ("key", "t", "y", "label_maturity", "label_known_at") if name in renamed.column_names]
    pq.write_table(renamed.drop_columns(extra), options["sample"])
    labelled = out["label_maturity"].to_pylist().count("labelled")
    return {"rows": len(out), "labelled": labelled}


if __name__ == "__main__":
    serve(prepare, work, finish)
