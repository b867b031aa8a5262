"""A sum per key and hour of event time with Bytewax, from a list in memory; with its recovery store, or without."""

from __future__ import annotations

import gc
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import pyarrow.parquet as pq
from bytewax._bytewax import run_main
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource

from bench.child import serve

ALIGN = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATIENCE = timedelta(minutes=1)

Item = tuple[str, tuple[datetime, float]]


class Summed(StatelessSinkPartition[Any], DynamicSink[Any]):
    """Counts windows and adds up what they hold."""

    def __init__(self) -> None:
        self.windows, self.total = 0, 0.0

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Summed:
        return self

    def write_batch(self, items: list[Any]) -> None:
        self.windows += len(items)
        self.total += sum(total for _, (_, total) in items)


def prepare(options: dict[str, Any]) -> Any:
    table = pq.read_table(options["events"]).slice(0, options["count"])
    rows = zip(table["key"].to_pylist(), table["t"].to_pylist(), table["v"].to_pylist(), strict=True)
    items: list[Item] = [(key, (ALIGN + timedelta(microseconds=t - options["start_us"]), v)) for key, t, v in rows]
    recovery = None
    if options["folder"]:
        folder = Path(options["folder"])
        folder.mkdir(parents=True)
        init_db_dir(folder, 1)
        recovery = RecoveryConfig(folder)
    summed = Summed()
    gc.collect()
    gc.freeze()  # the list is ours, not its work
    return _flow(items, options["batch"], summed), recovery, summed, items


def _flow(items: list[Item], batch: int, summed: Summed) -> Dataflow:
    flow = Dataflow("sums")
    events = op.input("events", flow, TestingSource(items, batch_size=batch))
    # Its watermark goes on with the machine's clock: without patience, events of a frequent key that wait for the batch
    # before them are late, and in no sum.
    clock = win.EventClock(lambda value: value[0], wait_for_system_duration=PATIENCE)
    hours = win.TumblingWindower(length=HOUR, align_to=ALIGN)
    folded = win.fold_window(
        "sum", events, clock, hours, lambda: 0.0, lambda total, value: total + value[1], lambda a, b: a + b
    )
    op.output("out", folded.down, summed)
    return flow


def work(state: Any) -> Any:
    flow, recovery, _, _ = state
    run_main(flow, recovery_config=recovery)  # epochs of 10 s, which it has by itself
    return state


def finish(options: dict[str, Any], state: Any) -> dict[str, Any]:
    _, _, summed, items = state
    right = math.fsum(value for _, (_, value) in items)
    return {"windows": summed.windows, "different": int(not math.isclose(summed.total, right, rel_tol=1e-9))}


if __name__ == "__main__":
    serve(prepare, work, finish)
