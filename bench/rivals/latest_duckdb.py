"""The latest value with DuckDB's ASOF join, from tables of its own to an Arrow table."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import serve

QUERY = """
    SELECT r.id, r.key, r.t, e.v, e.w
    FROM requests r ASOF LEFT JOIN events e ON r.key = e.key AND r.t > e.t
"""


def prepare(options: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name in ("events", "requests"):
        connection.execute(f"CREATE TABLE {name} AS FROM read_parquet('{options[name]}')")
    connection.sql("SELECT 1").to_arrow_table()  # loads pyarrow
    return connection


def work(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    return connection.sql(QUERY).to_arrow_table()


def finish(options: dict[str, Any], out: pa.Table) -> None:
    pq.write_table(out.select(["id", "v", "w"]), options["sample"])


if __name__ == "__main__":
    serve(prepare, work, finish)
