"""Windowed features with DuckDB's RANGE frames over events and requests laid together."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import serve

# The frame [t - width, t - 1] in microseconds is the half-open window; rows of requests have no v and do not count.
FRAME = "w{name} AS (PARTITION BY key ORDER BY t RANGE BETWEEN {width} PRECEDING AND 1 PRECEDING)"
VALUES = """
    count(v) OVER w{name} AS count_{name}, sum(v) OVER w{name} AS sum_{name}, avg(v) OVER w{name} AS mean_{name},
    min(v) OVER w{name} AS min_{name}, max(v) OVER w{name} AS max_{name},
    last_value(v IGNORE NULLS) OVER w{name} AS last_{name}
"""
QUERY = """
    WITH rows_and_requests AS (
        SELECT key, t, v, NULL AS id FROM read_parquet('{events}')
        UNION ALL SELECT key, t, NULL, id FROM read_parquet('{requests}')
    ), answered AS (SELECT id, key, t, {values} FROM rows_and_requests WINDOW {frames})
    SELECT * FROM answered WHERE id IS NOT NULL
"""


def prepare(options: dict[str, Any]) -> tuple[duckdb.DuckDBPyConnection, str]:
    windows = options["windows"]
    values = ",".join(VALUES.format(name=name) for name in windows)
    frames = ", ".join(FRAME.format(name=name, width=width) for name, width in windows.items())
    connection = duckdb.connect()
    connection.sql("SELECT 1").to_arrow_table()  # loads pyarrow
    return connection, QUERY.format(**options, values=values, frames=frames)


def work(state: tuple[duckdb.DuckDBPyConnection, str]) -> pa.Table:
    connection, query = state
    return connection.sql(query).to_arrow_table()


def finish(options: dict[str, Any], out: pa.Table) -> None:
    ids = pq.read_table(options["requests"], columns=["id"])["id"][:: options["sample_every"]]
    kept = out.filter(pa.compute.is_in(out["id"], value_set=ids.combine_chunks()))
    pq.write_table(kept.drop_columns(["key", "t"]), options["sample"])


if __name__ == "__main__":
    import pyarrow.compute

    serve(prepare, work, finish)
