"""The inside of a measured process. Standard library only: it also runs in the environments of the rivals."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["serve"]

KILO = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss counts bytes there, kilobytes elsewhere


def serve(
    prepare: Callable[[dict[str, Any]], Any],
    work: Callable[[Any], Any],
    finish: Callable[[dict[str, Any], Any], Any],
) -> None:
    """Measure `work(prepare(options))` and print what it took; `finish(options, result)` gives numbers to hand back.

    `prepare` imports, opens and warms up; neither it nor `finish` is measured.
    """
    options = json.loads(sys.argv[1])
    state = prepare(options)
    before_mb = held_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work(state)
    told = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    told["peak_mb"] = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILO - before_mb, 0.0)
    told["result"] = finish(options, result) or {}
    print(json.dumps(told), flush=True)
    os._exit(0)  # without the time that giving back gigabytes takes


def held_mb() -> float:
    """Memory that this process holds now; where the system does not tell, the most that it has held."""
    try:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILO
