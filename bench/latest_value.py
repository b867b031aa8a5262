"""100,000 requests, each with the latest of 2,000,000 rows of its key before its time; from memory to memory."""

from __future__ import annotations

import sys

from bench.compare import differences
from bench.data import at
from bench.environments import python_of
from bench.measure import Contender, Options, runs
from bench.report import Findings

GOAL_RATIO = 3.0


def run(options: Options) -> Findings:
    events, requests, keys = options.rows(2_000_000), options.rows(100_000), options.rows(50_000)
    folder = at(events=events, requests=requests, keys=keys)
    found = Findings(figures={"events": events, "requests": requests, "keys": keys})

    def contender(name: str, module: str, python: str) -> Contender:
        sample = options.scratch / f"{name}.parquet"
        paths = {"events": folder / "events.parquet", "requests": folder / "requests.parquet", "sample": sample}
        return Contender(name, module, python, {key: str(path) for key, path in paths.items()})

    ours = runs(contender("gapless", "bench.ours.latest_value", sys.executable), options.repeat)
    found.record("gapless", ours)
    for name in filter(options.wants, ("pandas", "duckdb")):
        python = python_of("duckdb") if name == "duckdb" else sys.executable
        theirs = runs(contender(name, f"bench.rivals.latest_{name}", python), options.repeat)
        found.record(name, theirs)
        counted = differences(options.scratch / "gapless.parquet", options.scratch / f"{name}.parquet")
        found.figures[f"{name}_different_values"] = counted["different"]
        found.ratios[name] = theirs.wall_s / ours.wall_s
        found.at_least(f"times_faster_than_{name}", GOAL_RATIO, found.ratios[name])
    return found
