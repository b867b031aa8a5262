"""The newest state of each key: records, materializing them, features as of a request from them."""

from __future__ import annotations

from gapless.online.arrivals import Arrivals, Chunk
from gapless.online.chunks import Arrived, arrived
from gapless.online.history import History, StoreHistory, range_of, wanted_of
from gapless.online.layout import Layout, Value
from gapless.online.looked import GroupState, Heads, Looked
from gapless.online.materialize import Materialized, materialize
from gapless.online.prune import Pruned, prune
from gapless.online.reader import OnlineReader, groups_of_views

__all__ = [
    "Arrivals",
    "Arrived",
    "Chunk",
    "GroupState",
    "Heads",
    "History",
    "Layout",
    "Looked",
    "Materialized",
    "OnlineReader",
    "Pruned",
    "StoreHistory",
    "Value",
    "arrived",
    "groups_of_views",
    "materialize",
    "prune",
    "range_of",
    "wanted_of",
]
