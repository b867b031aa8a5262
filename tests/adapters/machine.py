"""What tests give logs on files for a machine: a clock that stands still and a disk that refuses."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass


@dataclass
class StillClock:
    """Says what it was set to."""

    us: int = 0

    def now_us(self) -> int:
        return self.us


class FullDisk:
    """A fault that refuses at a point while `full`."""

    def __init__(self, step: str) -> None:
        self.full, self.step = False, step

    def __call__(self, point: str, name: str) -> None:
        if self.full and point == self.step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
