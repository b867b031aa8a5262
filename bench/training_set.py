"""30 features (6 aggregations over 5 windows) of 1,000,000 requests from 5,000,000 events; from Parquet to a table.

The windows are exact for everyone: [t - width, t), single events, no hops.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.compare import differences
from bench.data import at
from bench.environments import python_of
from bench.measure import Contender, Options, Run, runs
from bench.report import Findings

HOUR_US = 3_600_000_000
WINDOWS = {"1h": HOUR_US, "1d": 24 * HOUR_US, "7d": 168 * HOUR_US, "30d": 720 * HOUR_US, "90d": 2160 * HOUR_US}
SAMPLE_EVERY = 97
GOAL_DUCKDB, GOAL_POLARS, GOAL_MEMORY = 10.0, 5.0, 1.5
POLARS = ("rolling", "by", "asof")


def run(options: Options) -> Findings:
    events, requests, keys = options.rows(5_000_000), options.rows(1_000_000), options.rows(100_000)
    folder = at(events=events, requests=requests, keys=keys)
    found = Findings(figures={"events": events, "requests": requests, "keys": keys})
    ours = _ours(found, folder, options)
    if options.wants("duckdb"):
        theirs = _rival(found, folder, options, "duckdb", "training_duckdb", python_of("duckdb"))
        found.ratios["duckdb"] = theirs.wall_s / ours.wall_s
        found.at_least("times_faster_than_duckdb", GOAL_DUCKDB, found.ratios["duckdb"])
    if options.wants("polars"):
        _against_polars(found, folder, options, ours)
    if options.wants("pandas"):
        _against_pandas(found, options)
    if options.wants("growth"):
        _growth(found, options)
    return found


def _ours(found: Findings, folder: Path, options: Options) -> Run:
    ours = runs(_contender("gapless", "bench.ours.training_set", folder, options), options.repeat)
    found.record("gapless", ours)
    found.figures["in_and_out_mb"] = ours.result["in_and_out_mb"]
    for part in ("kernel", "sort"):
        alone = runs(_contender(part, "bench.ours.kernel", folder, options, part=part), options.repeat)
        found.record(f"{part}_alone", alone)
    found.at_most("peak_over_in_and_out", GOAL_MEMORY, (ours.peak_mb or 0.0) / ours.result["in_and_out_mb"])
    return ours


def _against_polars(found: Findings, folder: Path, options: Options, ours: Run) -> None:
    """The fastest formulation that gives the right values."""
    right: list[float] = []
    for formulation in POLARS:
        name = f"polars_{formulation}"
        theirs = _rival(found, folder, options, name, "training_polars", python_of("polars"), formulation=formulation)
        if not found.figures[f"{name}_different_values"]:
            right.append(theirs.wall_s)
    if right:
        found.ratios["polars"] = min(right) / ours.wall_s
        found.at_least("times_faster_than_polars", GOAL_POLARS, found.ratios["polars"])


def _against_pandas(found: Findings, options: Options) -> None:
    """At a fiftieth of the size, where its time is still bearable, and gapless at that size too."""
    events, requests, keys = options.rows(100_000), options.rows(20_000), options.rows(2_000)
    folder = at(events=events, requests=requests, keys=keys)
    ours = runs(
        _contender("gapless_small", "bench.ours.training_set", folder, options, sample="gapless"), options.repeat
    )
    found.record("gapless_small", ours)
    theirs = _rival(found, folder, options, "pandas_small", "training_pandas", sys.executable)
    found.ratios["pandas"] = theirs.wall_s / ours.wall_s


def _growth(found: Findings, options: Options) -> None:
    """The same requests over more and more events."""
    requests, keys = options.rows(1_000_000), options.rows(100_000)
    for millions in (1, 20):
        folder = at(events=options.rows(millions * 1_000_000), requests=requests, keys=keys)
        one = runs(_contender(f"{millions}m", "bench.ours.training_set", folder, options), min(options.repeat, 2))
        found.record(f"gapless_{millions}m_events", one)


def _rival(found: Findings, folder: Path, options: Options, name: str, module: str, python: str, **more: Any) -> Run:
    theirs = runs(_contender(name, f"bench.rivals.{module}", folder, options, python, **more), options.repeat)
    found.record(name, theirs)
    found.figures[f"{name}_different_values"] = differences(_sample("gapless", options), _sample(name, options))[
        "different"
    ]
    return theirs


def _contender(
    name: str, module: str, folder: Path, options: Options, python: str = sys.executable, sample: str = "", **more: Any
) -> Contender:
    paths = {
        "events": str(folder / "events.parquet"),
        "requests": str(folder / "requests.parquet"),
        "sample": str(_sample(sample or name, options)),
    }
    return Contender(name, module, python, {**paths, "windows": WINDOWS, "sample_every": SAMPLE_EVERY, **more})


def _sample(name: str, options: Options) -> Path:
    return options.scratch / f"{name}.parquet"
