"""How tests open online stores: values that other processes can be given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gapless.adapters.lmdb import LmdbStore
from gapless.adapters.redis import RedisStore
from gapless.faults import Fault


@dataclass(frozen=True)
class Lmdb:
    """A folder for each name."""

    folder: Path

    def __call__(self, name: str, *, fault: Fault | None = None) -> LmdbStore:
        return LmdbStore(self.folder / name, fault=fault)


@dataclass(frozen=True)
class OnRedis:
    """A prefix for each name, on one server or cluster."""

    url: str
    prefix: str
    batch_updates: int = 1000

    def __call__(self, name: str, *, fault: Fault | None = None) -> RedisStore:
        url = f"{self.url}?prefix={self.prefix}-{name}"
        return RedisStore(url, timeout_s=10, batch_updates=self.batch_updates, fault=fault)
