"""How tests open online stores: values that other processes can be given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.lmdb import LmdbStore

Fault = Callable[[str, str], None]


@dataclass(frozen=True)
class Lmdb:
    """A folder for each name."""

    folder: Path

    def __call__(self, name: str, *, fault: Fault | None = None) -> LmdbStore:
        return LmdbStore(self.folder / name, fault=fault)
