"""A training set of 20,000,000 events on Spark, against the local engine on the same tables and Spark's own windows.

30 features (6 aggregations over 5 windows, single events) of 500,000 requests with their labels, as one Arrow table in
the driver. Sessions are open and workers warm before the clock starts. Spark's own RANGE windows take the same events
and requests at a fiftieth of the size, where their time is still bearable, and gapless on Spark at that size too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.compare import differences
from bench.data import at
from bench.measure import CACHE, Contender, Options, Run, runs
from bench.report import Findings
from bench.training_set import SAMPLE_EVERY, WINDOWS

EVENTS, REQUESTS, KEYS = 20_000_000, 500_000, 100_000
GOAL_PER_CORE, GOAL_OWN_WINDOWS, GOAL_WORKERS = 0.5, 10.0, 1.8
OWN_WINDOWS = 50
"""The rival gets a fiftieth."""


def run(options: Options) -> Findings:
    events, requests, keys = options.rows(EVENTS), options.rows(REQUESTS), options.rows(KEYS)
    data = at(events=events, requests=requests, keys=keys)
    found = Findings(figures={"events": events, "requests": requests, "keys": keys})
    local = _ours(found, options, data, "local_1", "local", threads=1)
    one = _ours(found, options, data, "spark_local_1", "spark:local[1]")
    found.at_least("local_1_of_local_per_core", GOAL_PER_CORE, local.wall_s / one.wall_s)
    if options.only == {"gapless"}:
        return found
    both = _ours(found, options, data, "local_2", "local", threads=2)
    two = _ours(found, options, data, "spark_local_2", "spark:local[2]")
    found.ratios |= {"local[1] to local": local.wall_s / one.wall_s, "local[2] to local": both.wall_s / two.wall_s}
    _ours(found, options, data, "skewed_local_2", "local", threads=2, hot=True)
    _ours(found, options, data, "skewed_spark_local_2", "spark:local[2]", hot=True)
    if options.wants("cluster"):
        _on_a_cluster(found, options, data)
    if options.wants("windows"):
        _against_own_windows(found, options)
    return found


def _ours(found: Findings, options: Options, data: Path, name: str, engine: str, **more: Any) -> Run:
    """The values of all are those of the first."""
    what = {"data": str(data), "engine": engine, "windows": WINDOWS, "sample": str(_sample(options, name)), **more}
    what |= {"sample_every": SAMPLE_EVERY, "stores": str(CACHE / "stores")}
    ours = runs(Contender(name, "bench.ours.spark", sys.executable, what), options.repeat)
    found.record(name, ours)
    first = "skewed_local_2" if more.get("hot") else "local_1" if name in LARGE else "small"
    if name != first:
        compared = differences(_sample(options, first), _sample(options, name))
        found.figures[f"{name}_different"] = compared["different"]
    return ours


LARGE = ("local_1", "local_2", "spark_local_1", "spark_local_2", "cluster_1", "cluster_2")


def _on_a_cluster(found: Findings, options: Options, data: Path) -> None:
    """Workers of one core each, beside the driver and the master, on the cores that there are."""
    walls = []
    for workers in (1, 2):
        with _cluster(options, workers) as url:
            walls.append(_ours(found, options, data, f"cluster_{workers}", url).wall_s)
    found.ratios["two workers to one"] = walls[0] / walls[1]
    found.at_least("two_workers_times_one", GOAL_WORKERS, walls[0] / walls[1])


@contextmanager
def _cluster(options: Options, workers: int) -> Iterator[str]:
    from tests.spark import spark_cluster

    folder = options.scratch / f"cluster-{workers}"
    folder.mkdir(parents=True, exist_ok=True)
    with spark_cluster(folder, workers=workers) as cluster:
        yield cluster.url


def _against_own_windows(found: Findings, options: Options) -> None:
    events, requests, keys = (options.rows(full // OWN_WINDOWS) for full in (EVENTS, REQUESTS, KEYS))
    data = at(events=events, requests=requests, keys=keys)
    ours = _ours(found, options, data, "small", "spark:local[2]")
    files = {name: str(data / f"{name}.parquet") for name in ("events", "requests")}
    what = {**files, "windows": WINDOWS, "sample": str(_sample(options, "own")), "sample_every": SAMPLE_EVERY}
    own = runs(Contender("own_windows", "bench.rivals.training_spark", sys.executable, what), options.repeat)
    found.record("own_windows", own)
    compared = differences(_sample(options, "small"), _sample(options, "own"))
    found.figures["own_windows_different_values"] = compared["different"]
    found.ratios["Spark's own windows"] = own.wall_s / ours.wall_s
    found.at_least("times_faster_than_own_windows", GOAL_OWN_WINDOWS, own.wall_s / ours.wall_s)


def _sample(options: Options, name: str) -> Path:
    return options.scratch / f"{name}.parquet"
