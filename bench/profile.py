"""Profiles of 5,000,000 rows of two numbers and a text, from Parquet: counts against summaries that do not add up.

All give rows, missing values, least and largest value, mean, standard deviation, quartiles and the number of distinct
texts, on one thread. DuckDB's quantiles and distinct values are approximations as ours are; pandas' are exact.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from bench.data import at
from bench.environments import python_of
from bench.measure import Contender, Options, runs
from bench.report import Findings

COLUMNS = {"v": "float", "w": "float", "key": "string"}


def run(options: Options) -> Findings:
    events, requests, keys = options.rows(5_000_000), options.rows(1_000_000), options.rows(100_000)
    path = at(events=events, requests=requests, keys=keys) / "events.parquet"
    found = Findings(figures={"rows": events, "texts": keys})
    answers: dict[str, Any] = {}

    def contender(name: str, module: str, python: str) -> Contender:
        answer = options.scratch / f"{name}.json"
        answers[name] = answer
        return Contender(name, module, python, {"path": str(path), "columns": COLUMNS, "answer": str(answer)})

    ours = runs(contender("gapless", "bench.ours.profile", sys.executable), options.repeat)
    found.record("gapless", ours)
    for name in filter(options.wants, ("duckdb", "pandas")):
        python = python_of("duckdb") if name == "duckdb" else sys.executable
        theirs = runs(contender(name, f"bench.rivals.profile_{name}", python), options.repeat)
        found.record(name, theirs)
        found.ratios[name] = theirs.wall_s / ours.wall_s
    exact = json.loads(answers["pandas"].read_text()) if "pandas" in answers else {}
    for name in answers.keys() - {"pandas"} if exact else ():
        off = [_off(one, exact[column]) for column, one in json.loads(answers[name].read_text()).items()]
        found.figures[f"{name}_farthest_off"] = max(off)
    return found


def _off(one: dict[str, float], exact: dict[str, float]) -> float:
    """The largest relative distance of any figure."""
    return max(abs(value - exact[name]) / max(abs(exact[name]), 1e-9) for name, value in one.items())
