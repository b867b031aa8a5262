"""Appends events for workers that run over a workspace, lets them go, and waits until everything is in the state."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import gapless as gl
from bench.child import serve
from bench.load import cpu_s
from bench.ours.stream import sample
from bench.ours.stream_product import MODEL
from bench.ours.stream_world import TOPIC, batches, different, outgoing
from gapless.online import OnlineReader
from gapless.ports.places import place_of

PER_CALL = 25
PATIENCE_S = 600.0
LOOK_EVERY_S = 0.02


def prepare(options: dict[str, Any]) -> Any:
    workspace = gl.Workspace.open(options["workspace"])
    reader = OnlineReader.of(MODEL.feature_set, workspace.online)
    wait_for(lambda: len(reached(reader)) == options["partitions"])
    time.sleep(2.0)  # for members that are still about to share
    return options, workspace, reader


def work(state: Any) -> Any:
    options, workspace, reader = state
    signalled(options["pids"], signal.SIGSTOP)
    start = time.perf_counter()
    append(options, workspace)
    append_s = time.perf_counter() - start
    ends = {i: place_of(span.end) for i, span in enumerate(workspace.events.spans(TOPIC))}
    before = list(map(cpu_s, options["pids"]))
    signalled(options["pids"], signal.SIGCONT)
    start = time.perf_counter()
    wait_for(lambda: all(at >= ends[partition] for partition, at in reached(reader).items()))
    wall_s = time.perf_counter() - start
    used = [cpu_s(pid) - start for pid, start in zip(options["pids"], before, strict=True)]
    return workspace, {"append_s": append_s, "wall_s": wall_s, "cpu_s": sum(used), "most_cpu_s": max(used)}


def append(options: dict[str, Any], workspace: gl.Workspace) -> None:
    """Records go round the partitions: every key is in all of them."""
    every = batches(options["events"], 0, options["count"], options["per_record"])
    records = [one for i, batch in enumerate(every) for one in outgoing(batch, i % options["partitions"])]
    for start in range(0, len(records), PER_CALL):
        workspace.events.append(TOPIC, records[start : start + PER_CALL])


def reached(reader: OnlineReader) -> dict[int, int]:
    """The place in each partition below which events are in, of those that are followed."""
    parts = [part for part in reader.heads().groups if part.as_of_us is not None]
    return {part.partition: part.offset for part in parts if part.partition is not None}


def signalled(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        os.kill(pid, number)


def wait_for(there: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not there():
        if time.monotonic() > until:
            raise SystemExit("bench: the workers did not get there")
        time.sleep(LOOK_EVERY_S)


def finish(options: dict[str, Any], done: Any) -> dict[str, Any]:
    workspace, told = done
    return told | different(options["events"], options["count"], workspace.online, sample(options), options["at_us"])


if __name__ == "__main__":
    serve(prepare, work, finish)
