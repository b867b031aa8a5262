"""Twenty promotions under a steady load: what a client notices.

Sixteen connections ask and pause, so that the server has time left: the question is what a swap adds to an answer, not
what is left of a core that is full.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from bench.load import Load, ask, counted, running, wrk
from bench.measure import ROOT, Options, say
from bench.report import Findings
from bench.serve import MODEL, data, gapless

GOAL_P99 = 1.5
PROMOTIONS = 20
PAUSE_MS = 20
CONNECTIONS = 16
LONGEST_S = 600


def run(options: Options) -> Findings:
    folder = data(options)
    promotions = PROMOTIONS if options.scale >= 1 else 2
    found = Findings(figures={"promotions": promotions})
    bodies = folder / "requests.jsonl"
    server = gapless(folder, options.scratch)
    with running(server, options.scratch) as asked:
        say("warming up")
        counted(wrk(asked.url, bodies, seconds=2, connections=CONNECTIONS, pause_ms=PAUSE_MS))
        load = wrk(asked.url, bodies, seconds=LONGEST_S, connections=CONNECTIONS, pause_ms=PAUSE_MS)
        say(f"{promotions} promotions under load")
        try:
            told = _promote(options.scratch / "workspace", asked.port, promotions)
        finally:
            swapped = _stopped(load)
        say("the same time without")
        quiet = wrk(asked.url, bodies, seconds=swapped.seconds, connections=CONNECTIONS, pause_ms=PAUSE_MS)
        undisturbed = counted(quiet)
        alive = ask(asked, "GET", server.ready)[0] == 200
    found.figures |= {"requests": swapped.requests, "seconds": swapped.seconds, "ready_at_the_end": int(alive)}
    found.figures |= {"seen_after_s_median": told["median_s"], "seen_after_s_most": told["most_s"]}
    for name, one in {"undisturbed": undisturbed, "swapping": swapped}.items():
        found.figures |= {f"{name}_p50_ms": one.p50_us / 1e3, f"{name}_p99_ms": one.p99_us / 1e3}
        found.figures[f"{name}_most_ms"] = one.max_us / 1e3
    found.at_most("errors", 0, swapped.errors)
    found.at_most("p99_times_undisturbed", GOAL_P99, swapped.p99_us / undisturbed.p99_us)
    return found


def _promote(workspace: Path, port: int, count: int) -> dict[str, float]:
    what = json.dumps({"workspace": str(workspace), "port": port, "count": count, "model": MODEL})
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "bench.ours.promotions", what]
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _stopped(load: subprocess.Popen[str]) -> Load:
    load.send_signal(signal.SIGINT)
    return counted(load)
