"""35 on-demand expressions of one row at a time in Python: what a request pays for its row expressions."""

from __future__ import annotations

import sys

from bench.measure import Contender, Options, runs
from bench.ours.on_demand import COUNT
from bench.report import Findings

GOAL_US = 25.0
ROWS, PASSES = 10_000, 5


def run(options: Options) -> Findings:
    rows = options.rows(ROWS)
    found = Findings(figures={"expressions": COUNT, "rows": rows, "passes": PASSES})
    ours = runs(
        Contender("gapless", "bench.ours.row", sys.executable, {"rows": rows, "passes": PASSES}), options.repeat
    )
    found.figures["gapless_cpu_us"] = ours.cpu_s / (rows * PASSES) * 1e6
    found.at_most("cpu_us", GOAL_US, found.figures["gapless_cpu_us"])
    return found
