"""From nothing to an imported package, and to a command's help."""

from __future__ import annotations

import sys

from bench.measure import Options, command
from bench.report import Findings

GOAL_S = 0.150


def run(options: Options) -> Findings:
    found = Findings()
    repeat = 7 * options.repeat
    python = command([sys.executable, "-c", "pass"], repeat)
    package = command([sys.executable, "-c", "import gapless"], repeat)
    help_text = command([sys.executable, "-m", "gapless", "--help"], repeat)
    for name, one in {"python": python, "import": package, "help": help_text}.items():
        found.record(name, one)
    found.at_most("import_wall_s", GOAL_S, package.wall_s)
    found.at_most("help_wall_s", GOAL_S, help_text.wall_s)
    return found
