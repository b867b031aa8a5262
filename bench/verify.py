"""Ten million served values, compared once: months of real flights stream in, are answered as events, and verified.

A model learns until August; from the middle of September on everything comes through the event log in the order in
which it became known, hour by hour, and each flight that is scheduled asks for a prediction. At the end verify computes
every feature, prediction and probability again and compares the bits. `--scale 0.01` streams a day.
"""

from __future__ import annotations

import shutil
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.measure import ROOT, Options, say
from bench.report import Findings

__all__ = ["run"]

LEARN_UNTIL, LIVE_FROM, LIVE_UNTIL = "2013-08-01", "2013-09-14", "2014-01-02"
MODEL = "late_arrival"
GOAL_VALUES = 10_000_000


def run(options: Options) -> Findings:
    """Figures, and the goal that no value differs."""
    from gapless.clock import parse_instant
    from gapless.workspace import Workspace
    from gapless.workspace.streaming import StreamOptions

    first, last = parse_instant(LIVE_FROM), parse_instant(LIVE_UNTIL)
    last = first + int((last - first) * min(options.scale, 1.0))
    data = _flights(options.scratch)
    workspace = Workspace.open(options.scratch)
    found = Findings()
    live = {name: _split(workspace, name, table, first) for name, table in data.items()}
    say("training")
    workspace.train(MODEL, until_us=parse_instant(LEARN_UNTIL), evaluate_until_us=first)
    workspace.materialize()
    workspace.promote(MODEL, "1", why="bench")
    stream = workspace.stream(StreamOptions(tell=lambda error: say(f"trouble: {error.what}")))
    stream.run_to_end()
    began, cpu = time.perf_counter(), time.process_time()
    for slice_number, instant in enumerate(workspace.replay(live, every="1h", until_us=last)):
        stream.run_to_end()
        if slice_number % 240 == 0:
            say(f"up to {np.datetime64(instant, 'us')}: {stream.report()['answers'][MODEL]['answered']:,} answers")
    found.figures["stream_s"], found.figures["stream_cpu_s"] = time.perf_counter() - began, time.process_time() - cpu
    report = stream.report()
    found.figures["events"] = sum(each["events"] for each in report["sources"].values())
    stream.close()
    began = time.perf_counter()
    verified = workspace.verify()
    found.figures |= {"verify_s": time.perf_counter() - began, "answers": verified.answers, "values": verified.values}
    found.figures |= {f"answers_{way}": count for way, count in verified.proven.items()}
    found.figures["rechecked_by_definition"] = verified.rechecked
    found.at_most("values_different", 0, verified.values_different)
    if options.scale >= 1:
        found.at_least("values", GOAL_VALUES, verified.values)
    return found


def _flights(folder: Path) -> dict[str, pa.Table]:
    """The example's product in a folder of its own, and its tables."""
    example = ROOT / "examples" / "flights"
    for name in ("product.py", "data.py"):
        shutil.copy(example / name, folder)
    (folder / "gapless.toml").write_text("")
    sys.path.insert(0, str(folder))
    events: Any = import_module("data").events
    found: dict[str, pa.Table] = events()
    return found


def _split(workspace: Any, name: str, table: pa.Table, live_from_us: int) -> pa.Table:
    """What was known before is ingested; gives the rest."""
    source = workspace.product.source(name)
    known = table[source.event_time].cast(pa.int64()).to_numpy() + source.delay_us
    workspace.ingest(name, table.filter(pa.array(known < live_from_us)))
    return table.filter(pa.array(known >= live_from_us))
