"""Windowed features with Polars, in the formulation that the options name.

rolling — one rolling group-by per window over events and requests laid together.
by — rolling_sum_by and its kin, over the key, on the same rows.
asof — two as-of joins per window on sums accumulated by key, for count, sum, mean and last; rolling_min_by and
    rolling_max_by for the other two. Differences of accumulated sums lose digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from bench.child import serve


def prepare(options: dict[str, Any]) -> dict[str, Any]:
    return options


def work(options: dict[str, Any]) -> pl.DataFrame:
    events = pl.scan_parquet(options["events"]).select("key", "t", "v")
    requests = pl.scan_parquet(options["requests"])
    plan = FORMULATIONS[options["formulation"]](events, requests, options["windows"])
    return plan.collect()


def together(events: pl.LazyFrame, requests: pl.LazyFrame) -> pl.LazyFrame:
    return pl.concat([events, requests], how="diagonal").with_columns(pl.col("t").cast(pl.Datetime("us")))


def rolling(events: pl.LazyFrame, requests: pl.LazyFrame, windows: dict[str, int]) -> pl.LazyFrame:
    both = together(events, requests).sort("key", "t", maintain_order=True)
    out = both.select("id")
    for name, width in windows.items():
        rolled = both.rolling(index_column="t", group_by="key", period=f"{width}us", closed="left").agg(
            pl.col("v").count().alias(f"count_{name}"),
            pl.col("v").sum().alias(f"sum_{name}"),
            pl.col("v").mean().alias(f"mean_{name}"),
            pl.col("v").min().alias(f"min_{name}"),
            pl.col("v").max().alias(f"max_{name}"),
            pl.col("v").drop_nulls().last().alias(f"last_{name}"),
        )
        out = pl.concat([out, rolled.drop("key", "t")], how="horizontal")
    return empty_sums(out.filter(pl.col("id").is_not_null()), windows)


def by(events: pl.LazyFrame, requests: pl.LazyFrame, windows: dict[str, int]) -> pl.LazyFrame:
    both = together(events, requests).sort("key", "t", maintain_order=True)
    rolled = []
    for name, width in windows.items():
        window = {"by": "t", "window_size": f"{width}us", "closed": "left", "min_samples": 1}
        rolled += [
            pl.col("v").is_not_null().cast(pl.Float64).rolling_sum_by(**window).over("key").alias(f"count_{name}"),
            pl.col("v").rolling_sum_by(**window).over("key").alias(f"sum_{name}"),
            pl.col("v").rolling_mean_by(**window).over("key").alias(f"mean_{name}"),
            pl.col("v").rolling_min_by(**window).over("key").alias(f"min_{name}"),
            pl.col("v").rolling_max_by(**window).over("key").alias(f"max_{name}"),
        ]
    answered = both.with_columns(rolled).filter(pl.col("id").is_not_null())
    last = latest(events, requests, windows)
    return (
        answered.drop("key", "t", "v")
        .join(last, on="id")
        .with_columns(pl.col(f"count_{name}").fill_null(0) for name in windows)
    )


def latest(events: pl.LazyFrame, requests: pl.LazyFrame, windows: dict[str, int]) -> pl.LazyFrame:
    seen = events.with_columns(pl.col("t").alias("seen"))
    joined = requests.join_asof(
        seen, on="t", by="key", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    young = [
        pl.when(pl.col("t") - pl.col("seen") <= width).then(pl.col("v")).alias(f"last_{name}")
        for name, width in windows.items()
    ]
    return joined.select("id", *young)


def asof(events: pl.LazyFrame, requests: pl.LazyFrame, windows: dict[str, int]) -> pl.LazyFrame:
    summed = events.with_columns(
        pl.col("t").alias("seen"),
        pl.int_range(1, pl.len() + 1).over("key").alias("n"),
        pl.col("v").cum_sum().over("key").alias("s"),
    )
    before = {"by": "key", "strategy": "backward", "allow_exact_matches": False, "check_sortedness": False}
    out = requests.join_asof(summed, on="t", **before)
    for name, width in windows.items():
        start = requests.select("id", "key", (pl.col("t") - width).alias("t"))
        at_start = start.join_asof(summed.select("key", "t", "n", "s"), on="t", **before)
        out = pl.concat(
            [out, at_start.select(pl.col("n").alias(f"n_{name}"), pl.col("s").alias(f"s_{name}"))], how="horizontal"
        )
    values = []
    for name in windows:
        count = pl.col("n").fill_null(0) - pl.col(f"n_{name}").fill_null(0)
        total = pl.col("s") - pl.col(f"s_{name}").fill_null(0)
        values += [
            count.alias(f"count_{name}"),
            pl.when(count > 0).then(total).alias(f"sum_{name}"),
            pl.when(count > 0).then(total / count).alias(f"mean_{name}"),
            pl.when(count > 0).then(pl.col("v")).alias(f"last_{name}"),
        ]
    return out.select("id", *values).join(extremes(events, requests, windows), on="id")


def extremes(events: pl.LazyFrame, requests: pl.LazyFrame, windows: dict[str, int]) -> pl.LazyFrame:
    rolled = []
    for name, width in windows.items():
        window = {"by": "t", "window_size": f"{width}us", "closed": "left", "min_samples": 1}
        rolled += [
            pl.col("v").rolling_min_by(**window).over("key").alias(f"min_{name}"),
            pl.col("v").rolling_max_by(**window).over("key").alias(f"max_{name}"),
        ]
    both = together(events, requests).sort("key", "t", maintain_order=True).with_columns(rolled)
    return both.filter(pl.col("id").is_not_null()).drop("key", "t", "v")


def empty_sums(out: pl.LazyFrame, windows: dict[str, int]) -> pl.LazyFrame:
    """Polars sums nothing to 0; the definition says null."""
    return out.with_columns(
        pl.when(pl.col(f"count_{name}") > 0).then(pl.col(f"sum_{name}")).alias(f"sum_{name}") for name in windows
    )


FORMULATIONS: dict[str, Callable[[pl.LazyFrame, pl.LazyFrame, dict[str, int]], pl.LazyFrame]] = {
    "rolling": rolling,
    "by": by,
    "asof": asof,
}


def finish(options: dict[str, Any], out: pl.DataFrame) -> None:
    ids = pl.read_parquet(options["requests"], columns=["id"])["id"].gather_every(options["sample_every"])
    out.filter(pl.col("id").is_in(ids.implode())).write_parquet(options["sample"])


if __name__ == "__main__":
    serve(prepare, work, finish)
