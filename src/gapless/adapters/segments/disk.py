"""What the event log on files needs of the machine: a clock, two ways to make bytes durable, and where tests crash."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.segments.durable import Sync
from gapless.adapters.segments.failures import storage_error
from gapless.clock import Clock
from gapless.errors import GaplessError
from gapless.faults import Fault

__all__ = ["Disk", "saying"]


@dataclass(frozen=True)
class Disk:
    """Parameters of FileEventLog, as every part of it takes them."""

    clock: Clock
    segment_bytes: int
    fault: Fault
    fdatasync: Sync
    fsync: Sync


@contextlib.contextmanager
def saying(path: Path, doing: str) -> Iterator[None]:
    """What the system refuses inside leaves as a StorageError that names the path and the next step."""
    try:
        yield
    except GaplessError:
        raise
    except OSError as problem:
        raise storage_error(problem, path, doing) from problem
