"""One and two `gapless stream` processes on Kafka and Redis: how fast events come in that are in the log already.

The topic has four partitions, records hold a thousand events each, Redis syncs what it acknowledges. Workers are
stopped while the events are appended, and the clock begins when they go on. Broker, Redis and workers share the cores.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import measure
from bench.flow import END_US, flow
from bench.load import Asked, Server, running
from bench.measure import ROOT, Contender, Options, say
from bench.report import Findings

EVENTS, KEYS = 500_000, 100_000
PARTITIONS, PER_RECORD = 4, 1_000
SAMPLE = 200
WORKERS = (1, 2)


def run(options: Options) -> Findings:
    events, keys = options.rows(EVENTS), options.rows(KEYS)
    file = flow("uniform", events=events, keys=keys)
    found = Findings(figures={"events": events, "keys": keys, "partitions": PARTITIONS})
    for workers in WORKERS:
        home = options.scratch / f"workers-{workers}"
        with _workspace(home) as workspace, ExitStack() as stack:
            say(f"{workers} workers")
            every = [stack.enter_context(running(_stream(workspace, i), home)) for i in range(workers)]
            what = {"workspace": str(workspace), "events": str(file), "count": events, "per_record": PER_RECORD}
            what |= {"partitions": PARTITIONS, "pids": [one.pid for one in every], "sample": SAMPLE, "at_us": END_US}
            told = measure.run(Contender(f"{workers}", "bench.ours.scale", sys.executable, what)).result
            taken = [_taken(one) for one in every]
        name = f"workers_{workers}"
        found.figures |= {f"{name}_per_s": events / told["wall_s"], f"{name}_different": told["different"]}
        found.figures |= {f"{name}_{part}": told[part] for part in ("cpu_s", "most_cpu_s", "append_s")}
        found.figures[f"{name}_busiest_share"] = max(taken) / sum(taken)
    one, two = (found.figures[f"workers_{workers}_per_s"] for workers in WORKERS)
    found.figures["two_times_one"] = two / one
    return found


def _taken(worker: Asked) -> float:
    """Events that a worker took in: where one has nearly all of them, two say nothing about two."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    start = 'gapless_stream_events_total{source="events"}'
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start))


@contextmanager
def _workspace(home: Path) -> Iterator[Path]:
    """With a broker and a Redis of its own, which live as long as the block."""
    from tests.kafka import kafka_server
    from tests.servers import redis_server

    folder = home / "workspace"
    for part in ("workspace", "kafka", "redis"):
        (home / part).mkdir(parents=True)
    shutil.copy(ROOT / "bench" / "ours" / "stream_product.py", folder / "product.py")
    with kafka_server(home / "kafka") as broker, redis_server(home / "redis") as redis:
        stores = {"events": broker.url(), "online": redis.url}
        lines = [f"{name} = {json.dumps(uri)}" for name, uri in stores.items()]
        text = "\n".join(["[stores]", *lines, "[stream]", f"partitions = {PARTITIONS}"])
        (folder / "gapless.toml").write_text(text + "\n")
        yield folder


def _stream(workspace: Path, number: int) -> Server:
    command = [sys.executable, "-m", "gapless", "stream", "--workspace", str(workspace), "--metrics-port", "{port}"]
    return Server(f"stream{number}", command, "/metrics", "/metrics")
