"""`gapless stream` as real processes over a small shop, and what it has to come to in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gapless.arrow import ARROW_TYPES, KNOWN_AT, TIMESTAMP
from gapless.clock import parse_instant
from gapless.events.pushing import Pusher
from gapless.features import StoreSources, compute, one_batch
from gapless.online import OnlineReader
from gapless.ports.topics import predictions_topic
from gapless.serving.entries import decode_entry
from gapless.streaming.telling import ENTRY_HEADER
from gapless.verifying.verified import Verified
from gapless.workspace import Workspace
from tests.cli.shop import PRODUCT, tables

ROOT = Path(__file__).resolve().parents[2]
LIVE_US = parse_instant("2024-01-31")
"""What is known before comes as files, the rest is pushed."""


def make_shop(folder: Path, *, stores: str = "", partitions: int = 2, product: str = PRODUCT) -> Workspace:
    """A shop whose model answers requests from the log: trained on what came as files, promoted."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "product.py").write_text(
        product.replace('slices=["customer_id"]', 'slices=["customer_id"], streaming=True')
    )
    (folder / "gapless.toml").write_text(f"[stores]\n{stores}\n[stream]\npartitions = {partitions}\n")
    workspace = Workspace.open(folder)
    for name, table in tables().items():
        source = workspace.product.source(name)
        times = table[source.event_time].cast(TIMESTAMP).cast(pa.int64()).to_numpy()
        workspace.ingest(name, table.filter(pa.array(times < LIVE_US)))
        pq.write_table(table.filter(pa.array(times >= LIVE_US)), folder / f"live-{name}.parquet")
    workspace.train("will_return")
    workspace.materialize()
    workspace.promote("will_return", "1", why="test")
    return workspace


def slices(workspace: Workspace, count: int):
    """What happens live, in the order in which it becomes known: (source, clean rows), in about so many pieces."""
    live = {}
    for name in ("orders", "checkouts"):
        source = workspace.product.source(name)
        table = pq.read_table(workspace.settings.folder / f"live-{name}.parquet")
        arrays = [table[c].cast(ARROW_TYPES[kind]).combine_chunks() for c, kind in source.columns.items()]
        table = pa.table([*arrays, table[source.event_time].cast(TIMESTAMP)], [*source.columns, KNOWN_AT])
        live[source] = table, table[KNOWN_AT].cast(pa.int64()).to_numpy()
    first = min(int(times.min()) for _, times in live.values())
    last = max(int(times.max()) for _, times in live.values())
    edges = np.linspace(first, last + 1, count + 1).astype(np.int64)
    for start, end in pairwise(edges.tolist()):
        for source, (table, times) in live.items():
            part = table.filter(pa.array((times >= start) & (times < end)))
            if part.num_rows:
                yield source, part.combine_chunks().to_batches()


def push(workspace: Workspace, pusher: Pusher, piece) -> int:
    source, batches = piece
    return pusher.push_batches(source, batches, replay=True).events


class Worker:
    """One `gapless stream`; killed at the latest when the test ends."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.log = folder / f"{name}.log"
        self._begins = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "gapless", "stream", "--land-every", "0.5", "--batch", "20000", *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        command += ["--workspace", str(folder)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """SIGTERM once it is up; its exit code."""
        wait_for(lambda: b"answers" in self.log.read_bytes()[self._begins :], [self])
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def pause(self) -> None:
        """It hangs, and does not know."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        self.process.send_signal(signal.SIGCONT)

    def said(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-2_000:]


def answers(workspace: Workspace):
    """(JSON, entry) of every answer that is in the log."""
    topic = predictions_topic("will_return")
    found = []
    for partition, span in enumerate(workspace.events.spans(topic)):
        at = span.start
        while records := workspace.events.read(topic, partition, at, max_bytes=1 << 24):
            found += [(msgspec.json.decode(r.value), decode_entry(r.headers[ENTRY_HEADER])) for r in records]
            at = records[-1].offset + 1
    return found


def wait_for(reached, workers=(), *, seconds: float = 120.0) -> None:
    """Returns once it is so."""
    end = time.monotonic() + seconds
    while not reached():
        ended = [worker for worker in workers if worker.process.poll() is not None]
        assert not ended, ended[0].said()
        assert time.monotonic() < end, "\n".join(worker.said() for worker in workers)
        time.sleep(0.1)


def check_everything(workspace: Workspace, asked: int) -> Verified:
    """Each request was answered once, every answer is what the log says, state is that of batch; what verify found."""
    counts = Counter(told["request_id"] for told, _ in answers(workspace))
    assert len(counts) == asked
    assert set(counts.values()) == {1}
    verified = workspace.verify()
    assert verified.ok, verified.differences
    assert (verified.answers, verified.not_landed, verified.different) == (asked, 0, 0)
    model = workspace.product.model("will_return")
    _check_state(
        workspace,
        StoreSources(workspace.offline, {view.source.origin.name: view.source.origin for view in model.views}),
    )
    return verified


def _check_state(workspace: Workspace, sources: StoreSources) -> None:
    model = workspace.product.model("will_return")
    at = parse_instant("2024-02-20")
    asks = [{"checkout_id": f"c{i}", "customer_id": f"c{i}", "amount": 1.0, "asked_at": at} for i in range(20)]
    looked = OnlineReader.of(model.feature_set, workspace.online).read(asks, [at] * len(asks))
    assert not looked.early
    requests = pa.table(
        [pa.array([ask[c] for ask in asks]).cast(ARROW_TYPES[kind]) for c, kind in model.requests.columns.items()],
        list(model.requests.columns),
    )
    batch = one_batch(compute(model, requests, sources))
    read = looked.columns()
    for name in read:
        assert read[name].to_pylist() == batch.column(name).to_pylist(), name
