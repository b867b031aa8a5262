"""Point-in-time features of requests, out of core."""

from __future__ import annotations

from gapless.features.compute import Limits, chunked, compute, gathered, group_columns, one_batch, with_on_demand
from gapless.features.derived import DerivedSources, Deriving, FunctionRun
from gapless.features.derived_values import derived_columns
from gapless.features.keys import KeyIndex
from gapless.features.matrix import float32_matrix
from gapless.features.parallel import ahead, in_order
from gapless.features.plan import Group, plan_groups
from gapless.features.requests import checked_requests
from gapless.features.row_wise import check_row_wise
from gapless.features.sources import SourceReader, TableSources, within
from gapless.features.splits import SPLIT_ROWS, SourceSplit, split_source, split_table
from gapless.features.stored import StoreSources, newest_versions, pinned_tables, read_table

__all__ = [
    "SPLIT_ROWS",
    "DerivedSources",
    "Deriving",
    "FunctionRun",
    "Group",
    "KeyIndex",
    "Limits",
    "SourceReader",
    "SourceSplit",
    "StoreSources",
    "TableSources",
    "ahead",
    "check_row_wise",
    "checked_requests",
    "chunked",
    "compute",
    "derived_columns",
    "float32_matrix",
    "gathered",
    "group_columns",
    "in_order",
    "newest_versions",
    "one_batch",
    "pinned_tables",
    "plan_groups",
    "read_table",
    "split_source",
    "split_table",
    "with_on_demand",
    "within",
]
