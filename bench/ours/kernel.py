"""The same features with the kernel alone: sorted arrays in, arrays out. Or, with `part` sort, the sort alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.child import serve
from gapless.windows import Events, Input, Queries, Spec, Window, aggregate, time_order

FUNCTIONS = ("sum", "mean", "min", "max", "last")


def specs(windows: dict[str, int]) -> list[Spec]:
    exact = [Window(width, 0) for width in windows.values()]
    return [Spec("count", None, w) for w in exact] + [Spec(name, 0, w) for name in FUNCTIONS for w in exact]


def prepare(options: dict[str, Any]) -> Callable[[], Any]:
    table = pq.read_table(options["events"], columns=["key", "t", "v"])
    asked = pq.read_table(options["requests"], columns=["key", "t"])
    distinct = pc.unique(table["key"])
    key, t = coded(table, distinct)
    order = time_order(key, t, t)
    if options["part"] == "sort":
        return lambda: time_order(key, t, t)
    value = table["v"].to_numpy()[order]
    events = Events(key[order], t[order], t[order] + 1, (Input(value, np.ones(len(value), np.bool_)),))
    key, at = coded(asked, distinct)
    order = time_order(key, at, at)
    queries = Queries(key[order], at[order])
    wanted = specs(options["windows"])
    aggregate(_head(events), Queries(queries.key[:2], queries.at[:2]), wanted)
    return lambda: aggregate(events, queries, wanted)


def coded(table: Any, distinct: Any) -> tuple[Any, Any]:
    """Key codes and times; a key without events gets a code of its own."""
    codes = pc.fill_null(pc.index_in(table["key"], value_set=distinct), len(distinct))
    return codes.to_numpy().astype(np.int64), table["t"].to_numpy()


def _head(events: Events) -> Events:
    one = events.inputs[0]
    return Events(
        events.key[:2], events.event_time[:2], events.visible_from[:2], (Input(one.values[:2], one.valid[:2]),)
    )


if __name__ == "__main__":
    serve(prepare, lambda work: work(), lambda options, result: None)
