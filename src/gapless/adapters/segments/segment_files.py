"""The files of a partition, each named by the offset of its first record: 00000000000000001200.log"""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["bases_in", "segment_path"]

_NAME = re.compile(r"(\d{20})\.log")


def segment_path(folder: Path, base: int) -> Path:
    """Where the records from this offset on lie."""
    return folder / f"{base:020d}.log"


def bases_in(folder: Path) -> list[int]:
    """The first offset of every file there is, in order."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name)))
