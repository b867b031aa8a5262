"""What a benchmark found: as one document for programs, and as a table for people."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bench.measure import ROOT, Run

__all__ = ["Findings", "machine", "table"]

LIBRARIES = ("numpy", "pyarrow", "numba", "pandas", "scikit-learn", "onnxruntime", "deltalake")


@dataclass
class Findings:
    """Figures by name, ratios by rival (above 1: gapless is better), goals with what was reached."""

    figures: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    goals: dict[str, dict[str, Any]] = field(default_factory=dict)

    def record(self, contender: str, run: Run) -> None:
        """What a contender cost."""
        self.figures[f"{contender}_wall_s"] = run.wall_s
        self.figures[f"{contender}_cpu_s"] = run.cpu_s
        if run.peak_mb is not None:
            self.figures[f"{contender}_peak_mb"] = run.peak_mb

    def at_least(self, name: str, goal: float, value: float) -> None:
        self.goals[name] = {"goal": goal, "value": rounded(value), "met": value >= goal}

    def at_most(self, name: str, goal: float, value: float) -> None:
        self.goals[name] = {"goal": goal, "value": rounded(value), "met": value <= goal}

    def to_dict(self) -> dict[str, Any]:
        return {
            "figures": {name: rounded(value) for name, value in self.figures.items()},
            "ratios": {name: rounded(value) for name, value in self.ratios.items()},
            "goals": self.goals,
        }


def rounded(value: float) -> float:
    """Four significant digits: more would claim more than a measurement holds."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """Where and on what the figures were taken, and how busy the machine was before."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "commit": _commit(),
    }


def table(document: Mapping[str, Any]) -> str:
    """The document as aligned lines."""
    where = document["machine"]
    lines = [f"{document['bench']}  ({where['cores']} cores, {where['cpu']}, load before {where['load_before']})", ""]
    lines += [f"  {name:34} {value:>14,}" for name, value in document["figures"].items()]
    lines += ["", "  ratios (above 1: gapless is better)"] if document["ratios"] else []
    lines += [f"  {name:34} {value:>14,}" for name, value in document["ratios"].items()]
    lines += ["", "  goals"] if document["goals"] else []
    lines += [_goal_line(name, goal) for name, goal in document["goals"].items()]
    return "\n".join(lines)


def _goal_line(name: str, goal: Mapping[str, Any]) -> str:
    return f"  {name:34} {goal['value']:>14,}  goal {goal['goal']:,}  {'met' if goal['met'] else 'MISSED'}"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()
