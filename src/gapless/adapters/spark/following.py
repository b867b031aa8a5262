"""How far a job is, for people who wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import SparkContext

from gapless.ports.engine import Progress, Stage

__all__ = ["following", "tasks_in"]

_EVERY_S = 0.5


@contextmanager
def following(context: SparkContext, group: str, stage: Stage, progress: Progress | None) -> Iterator[None]:
    """Tells how many of all tasks are done, twice a second, until the block ends; then that all are."""
    if progress is None:
        yield
        return
    total = tasks_in(stage)
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(context, group, stage.name, total, progress, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
    progress(stage.name, total, total)


def tasks_in(stage: Stage) -> int:
    """Of it and all that it reads."""
    return stage.partitions + sum(map(tasks_in, stage.reads))


def _tell(context: SparkContext, group: str, name: str, total: int, progress: Progress, ended: threading.Event) -> None:
    while not ended.wait(_EVERY_S):
        progress(name, min(_done(context, group), total), total)


def _done(context: SparkContext, group: str) -> int:
    tracker = context.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)]
    stages = {number for job in jobs if job is not None for number in job.stageIds}
    found = [tracker.getStageInfo(number) for number in stages]
    return sum(info.numCompletedTasks for info in found if info is not None)
