"""The latest value with DuckDB's ASOF join, to an Arrow table."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import serve

QUERY = """
    SELECT r.id, r.key, r.t, e.v, e.w
    FROM read_parquet('{requests}') r
    ASOF LEFT JOIN read_parquet('{events}') e ON r.key = e.key AND r.t > e.t
"""


def prepare(options: dict[str, Any]) -> tuple[duckdb.DuckDBPyConnection, str]:
    return duckdb.connect(), QUERY.format(**options)


def work(state: tuple[duckdb.DuckDBPyConnection, str]) -> pa.Table:
    connection, query = state
    return connection.sql(query).to_arrow_table()


def finish(options: dict[str, Any], out: pa.Table) -> None:
    pq.write_table(out.select(["id", "v", "w"]), options["sample"])


if __name__ == "__main__":
    serve(prepare, work, finish)
