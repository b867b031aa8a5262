"""Runs a function in a process of its own that may be killed; the modules it needs are loaded once and forked."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from typing import Any

__all__ = ["run_forked", "run_forked_together"]

_PRELOADED = [
    "gapless.adapters.delta",
    "gapless.adapters.sql",
    "gapless.ingest",
    "gapless.testing.faults",
    "tests.adapters.sql.test_crashes",
    "tests.adapters.test_delta_crashes",
    "tests.adapters.test_event_log_crashes",
    "tests.adapters.test_event_log_failures",
    "tests.adapters.test_online_crashes",
    "tests.adapters.test_online_lmdb_failures",
    "tests.adapters.test_segment_crashes",
    "tests.ingest.test_crashes",
]


def run_forked(target: Callable[..., None], *args: Any) -> bool:
    """Whether it came to its end; False where it was killed."""
    return run_forked_together(target, [args])[0]


def run_forked_together(target: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> list[bool]:
    """As `run_forked`, for one process each, all at once. From one thread: an exit code is told once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    _start_server()
    processes = [context.Process(target=target, args=args) for args in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} <= {0, -signal.SIGKILL}
    return [process.exitcode == 0 for process in processes]


def _start_server() -> None:
    """The server looks for what it preloads on PYTHONPATH only."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    forkserver.ensure_running()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
