"""How long an event in the log takes to be readable, while another process appends batches at a given rate.

An event is in the log when the call that appended it has returned; it is readable when the step that took it has.
Standard arguments of a contender; as `python -m bench.ours.stream_paced '{"append": true, …}'` it is that process.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.child import serve
from bench.measure import ROOT
from bench.ours.stream import sample, warm_up
from bench.ours.stream_world import TOPIC, Parts, different, opened, payloads
from gapless.adapters.segments import FileEventLog
from gapless.streaming.processor import Step
from gapless.streaming.worker import Worker
from gapless.streaming.world import Limits


def prepare(options: dict[str, Any]) -> Any:
    folder = Path(options["folder"])
    warm_up(folder.with_name(f"{folder.name}-warm"), options)
    return options, opened(str(folder), Limits())


def work(state: Any) -> Any:
    options, parts = state
    what = json.dumps({**options, "append": True})
    command = [sys.executable, "-m", "bench.ours.stream_paced", what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        readable = _followed(parts, options["count"])
        assert process.stdout is not None
        appended = json.loads(process.stdout.read())
    waited = [_first(readable, end) - at for end, at in appended]
    return parts, waited


def _followed(parts: Parts, count: int) -> list[tuple[int, float]]:
    """(the offset up to which events were readable, since when)."""
    readable: list[tuple[int, float]] = []
    done = 0

    def watch(step: Step) -> None:
        nonlocal done
        if step.events:
            (shard,) = parts.processor.shards.values()
            readable.append((shard.cursor.offset, time.monotonic()))
            done += step.events

    def wait(seconds: float) -> bool:
        time.sleep(seconds)
        return False

    worker = Worker(parts.processor, lambda: None, _give_up, wait)
    worker.run(lambda: done >= count, watch=watch)
    return readable


def _give_up(error: Exception) -> None:
    raise SystemExit(f"bench: {error}")


def _first(readable: list[tuple[int, float]], end: int) -> float:
    return next(at for offset, at in readable if offset >= end)


def finish(options: dict[str, Any], done: Any) -> dict[str, Any]:
    parts, waited = done
    counted = different(options["events"], options["count"], parts.online, sample(options), options["at_us"])
    parts.close()
    p99 = sorted(waited)[min(len(waited) * 99 // 100, len(waited) - 1)]
    return {"p50_ms": statistics.median(waited) * 1e3, "p99_ms": p99 * 1e3, "appends": len(waited), **counted}


def append(options: dict[str, Any]) -> None:
    """Prints (end of the records, when they were in the log) of each batch."""
    made = payloads(options["events"], 0, options["count"], options["batch"])
    log = FileEventLog(Path(options["folder"]) / "log")
    appended = []
    start = time.monotonic()
    for i, records in enumerate(made):
        time.sleep(max(start + i * options["batch"] / options["per_s"] - time.monotonic(), 0))
        places = log.append(TOPIC, records)
        appended.append((places[-1].offset + 1, time.monotonic()))
    print(json.dumps(appended))


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    if "append" in asked:
        append(asked)
    else:
        serve(prepare, work, finish)
