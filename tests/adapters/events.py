"""How tests open event logs: values that other processes can be given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.segments import FileEventLog

Fault = Callable[[str, str], None]


@dataclass(frozen=True)
class OnFiles:
    """A folder for each name.

    Parameters:
        durable — against power cuts too.
    """

    folder: Path
    segment_bytes: int = 1 << 26
    durable: bool = True

    def __call__(self, name: str, fault: Fault | None = None) -> FileEventLog:
        sync = {} if self.durable else {"fdatasync": _nothing, "fsync": _nothing}
        return FileEventLog(self.folder / name, segment_bytes=self.segment_bytes, fault=fault, **sync)


def _nothing(handle: int) -> None:
    """A crash of the process loses nothing that was written."""
