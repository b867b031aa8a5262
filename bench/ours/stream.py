"""A backlog of the embedded log into state on disk: every step takes one batch, and its state and offset are synced."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.child import serve
from bench.ours.stream_product import SOURCE
from bench.ours.stream_world import TOPIC, Parts, different, opened, payloads
from gapless.events.landing import land
from gapless.streaming.world import Limits

WARM_UP = 4


def prepare(options: dict[str, Any]) -> Any:
    folder, size = Path(options["folder"]), options["batch"]
    warm_up(folder.with_name(f"{folder.name}-warm"), options)
    made = payloads(options["events"], 0, options["count"], size)
    largest = max(sum(len(record.value) for record in records) for records in made)
    parts = opened(str(folder), Limits(batch_bytes=largest))
    for records in made:
        parts.log.append(TOPIC, records)
    return options, parts


def warm_up(folder: Path, options: dict[str, Any]) -> None:
    """What is compiled at the first use is compiled; a key comes again, so that states are merged too."""
    parts = opened(str(folder), Limits())
    for records in payloads(options["events"], 0, min(options["count"], 20_000), 5_000) * 2:
        parts.log.append(TOPIC, records)
        parts.processor.step()
    parts.close()
    shutil.rmtree(folder)


def work(state: Any) -> Any:
    options, parts = state
    took, done = [], 0
    while done < options["count"]:
        start = time.perf_counter()
        step = parts.processor.step()
        took.append(time.perf_counter() - start)
        assert not step.idle, "the log has more"
        done += step.events
    return parts, took


def finish(options: dict[str, Any], done: Any) -> dict[str, Any]:
    parts, took = done
    counted = different(options["events"], options["count"], parts.online, sample(options), options["at_us"])
    told = {"steps": len(took), "step_ms": statistics.median(took) * 1e3, **counted, **_landing(parts)}
    parts.close()
    return told


def sample(options: dict[str, Any]) -> list[str]:
    """Keys of the first events, in which frequent ones come first, and keys that may have none."""
    keys = pq.read_table(options["events"], columns=["key"])["key"].slice(0, options["count"])
    return list(dict.fromkeys(keys.slice(0, 1_000).to_pylist()))[: options["sample"]]


def _landing(parts: Parts) -> dict[str, float]:
    """What the thread that lands the same events for batch would have used beside it."""
    limits = parts.world.limits
    start = time.process_time()
    land(parts.log, parts.world.offline, SOURCE, 0, max_bytes=limits.land_bytes, horizon=limits.horizon)
    return {"land_cpu_s": time.process_time() - start}


if __name__ == "__main__":
    serve(prepare, work, finish)
