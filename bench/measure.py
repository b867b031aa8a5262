"""Runs in processes of their own: wall time, CPU time and peak memory of the work, without interpreter and imports."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CACHE", "ROOT", "Contender", "Options", "Run", "command", "run", "runs", "say"]

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
MANY_SECONDS = 40.0


@dataclass(frozen=True)
class Options:
    """What the command line said.

    Parameters:
        scratch — a folder of this run alone, for what contenders write.
        scale — multiplies numbers of rows.
        only — names of contenders; empty: all of them.
    """

    scratch: Path
    scale: float = 1.0
    repeat: int = 3
    only: frozenset[str] = frozenset()

    def rows(self, full: int) -> int:
        return max(int(full * self.scale), 100)

    def wants(self, contender: str) -> bool:
        return not self.only or contender in self.only


@dataclass(frozen=True)
class Run:
    """One run of some work. `peak_mb`: the most memory above what was held before it began; None: not measured."""

    wall_s: float
    cpu_s: float
    peak_mb: float | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """A module under bench/ that ends in `child.serve(prepare, work)`, and the Python that runs it."""

    name: str
    module: str
    python: str = sys.executable
    options: Mapping[str, Any] = field(default_factory=dict)


def run(contender: Contender) -> Run:
    """One run in a new process."""
    text = json.dumps(dict(contender.options))
    out, _ = _wait([contender.python, "-m", contender.module, text], contender.name)
    return Run(**json.loads(out.splitlines()[-1]))


def runs(contender: Contender, repeat: int) -> Run:
    """The medians of several runs; a contender that takes long is run fewer times."""
    done: list[Run] = []
    while len(done) < repeat and (not done or sum(one.wall_s for one in done) < MANY_SECONDS):
        say(f"{contender.name}: run {len(done) + 1} of {repeat}")
        done.append(run(contender))
    return Run(
        statistics.median(one.wall_s for one in done),
        statistics.median(one.cpu_s for one in done),
        statistics.median(one.peak_mb or 0.0 for one in done),
        done[-1].result,
    )


def command(arguments: list[str], repeat: int) -> Run:
    """A whole command from start to exit, interpreter and imports included."""
    done = []
    for _ in range(repeat):
        start = time.perf_counter()
        _, usage = _wait(arguments, " ".join(arguments))
        done.append((time.perf_counter() - start, usage.ru_utime + usage.ru_stime))
    wall, cpu = (statistics.median(column) for column in zip(*done, strict=True))
    return Run(wall, cpu)


def say(text: str) -> None:
    """Progress, for a person who waits; the figures alone go to stdout."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _wait(arguments: list[str], name: str) -> tuple[str, Any]:
    """Start it, read all of its output, and ask the kernel what it used."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench: {name} failed with exit code {process.returncode}")
    return out, usage
