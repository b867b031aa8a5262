"""From the call that pushes an event to the feature that shows it, while others push as well.

`gapless serve` and `gapless stream` are processes over one workspace with the embedded log and LMDB. wrk pushes: ten
events in a call, paced to about a thousand calls a second; then one event in a call, as fast as it goes. A prober
pushes events of its own and looks into the store every millisecond until each is seen.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.load import Asked, Server, counted, cpu_s, running, wrk
from bench.measure import ROOT, Options, say
from bench.report import Findings

GOAL_P99_MS = 100.0
PROBES = 300
KEYS = 10_000
BODIES = 2_000
LONGEST_S = 300
CONNECTIONS, PAUSE_MS = 24, 15
ALONE_CONNECTIONS = 64


def run(options: Options) -> Findings:
    workspace = _workspace(options.scratch)
    probes = max(int(PROBES * min(options.scale, 1.0)), 3)
    found = Findings(figures={"probes": probes})
    with running(_serve(workspace), options.scratch) as server, running(_stream(workspace), options.scratch) as stream:
        say("until the first event is seen")
        _probe(workspace, server, 0, 1)
        _quiet(found, workspace, server, probes)
        ten = _bodies(options.scratch, 10)
        _loaded(found, "tens", workspace, (server, stream), ten, probes, connections=CONNECTIONS, pause_ms=PAUSE_MS)
        one = _bodies(options.scratch, 1)
        _loaded(found, "alone", workspace, (server, stream), one, probes, connections=ALONE_CONNECTIONS, pause_ms=0)
    found.at_most("tens_p99_ms", GOAL_P99_MS, found.figures["tens_p99_ms"])
    return found


def _quiet(found: Findings, workspace: Path, server: Asked, probes: int) -> None:
    say("nobody else pushes")
    _record(found, "quiet", _probe(workspace, server, 1_000_000, probes))


def _loaded(
    found: Findings, name: str, workspace: Path, both: tuple[Asked, Asked], bodies: Path, probes: int,
    *, connections: int, pause_ms: int,
) -> None:  # fmt: skip
    """The load runs until the prober is through."""
    say(f"{name}: {connections} connections")
    server, _ = both
    before = [cpu_s(one.pid) for one in both]
    load = wrk(server.url, bodies, seconds=LONGEST_S, connections=connections, pause_ms=pause_ms)
    try:
        time.sleep(1.0)
        seen = _probe(workspace, server, 2_000_000 + 1_000_000 * pause_ms, probes)
    finally:
        load.send_signal(signal.SIGINT)
        done = counted(load)
    used = [cpu_s(one.pid) - start for one, start in zip(both, before, strict=True)]
    events = done.requests * (10 if name == "tens" else 1)
    found.figures |= {f"{name}_calls_per_s": done.per_second, f"{name}_events_per_s": events / done.seconds}
    found.figures |= {f"{name}_call_p50_ms": done.p50_us / 1e3, f"{name}_call_p99_ms": done.p99_us / 1e3}
    found.figures |= {f"{name}_errors": done.errors}
    found.figures |= {
        f"{name}_{who}_cpu": spent / done.seconds for who, spent in zip(("serve", "stream"), used, strict=True)
    }
    _record(found, name, seen)


def _record(found: Findings, name: str, seen: list[tuple[float, float]]) -> None:
    """Milliseconds from the call, and from the answer to it."""
    for way, took in zip(("", "_in_log"), zip(*seen, strict=True), strict=True):
        found.figures[f"{name}{way}_p50_ms"] = statistics.median(took)
        found.figures[f"{name}{way}_p99_ms"] = sorted(took)[min(len(took) * 99 // 100, len(took) - 1)]
    found.figures[f"{name}_most_ms"] = max(took for took, _ in seen)


def _probe(workspace: Path, server: Asked, first: int, count: int) -> list[tuple[float, float]]:
    what = json.dumps({"workspace": str(workspace), "url": server.url, "first": first, "count": count})
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.ours.prober", what]
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    told: list[tuple[float, float]] = json.loads(done.stdout.splitlines()[-1])
    return told


def _workspace(scratch: Path) -> Path:
    folder = scratch / "workspace"
    folder.mkdir()
    (folder / "gapless.toml").write_text("")
    shutil.copy(ROOT / "bench" / "ours" / "stream_product.py", folder / "product.py")
    return folder


def _serve(workspace: Path) -> Server:
    command = [sys.executable, "-m", "gapless", "serve", "--workspace", str(workspace), "--port", "{port}"]
    return Server("serve", [*command, "--workers", "1"], "/v1/events/events", "/healthz")


def _stream(workspace: Path) -> Server:
    command = [sys.executable, "-m", "gapless", "stream", "--workspace", str(workspace), "--metrics-port", "{port}"]
    return Server("stream", command, "/metrics", "/metrics")


def _bodies(scratch: Path, events: int) -> Path:
    """Bodies with so many events each; what happened when they were made is seen by every window."""
    draw, now_us = random.Random(events), time.time_ns() // 1_000
    file = scratch / f"events-{events}.jsonl"

    def event() -> dict[str, object]:
        return {"key": f"k{draw.randrange(KEYS):05}", "v": round(draw.lognormvariate(3, 1), 2), "t": now_us}

    lines = [json.dumps({"events": [event() for _ in range(events)]}) for _ in range(BODIES)]
    file.write_text("\n".join(lines) + "\n")
    return file
