"""The embedded online store on LMDB: many reading processes, one writer at a time, one file."""

from __future__ import annotations

from gapless.adapters.lmdb.store import COMMIT_POINTS, LmdbStore

__all__ = ["COMMIT_POINTS", "LmdbStore"]
