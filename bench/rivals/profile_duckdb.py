"""DuckDB's SUMMARIZE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from bench.child import serve


def prepare(options: dict[str, Any]) -> tuple[duckdb.DuckDBPyConnection, dict[str, Any]]:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    return connection, options


def work(state: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> list[dict[str, Any]]:
    connection, options = state
    names = ", ".join(options["columns"])
    answer = connection.execute(f"SUMMARIZE SELECT {names} FROM read_parquet('{options['path']}')")
    columns = [one[0] for one in answer.description]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def finish(options: dict[str, Any], out: list[dict[str, Any]]) -> None:
    answer: dict[str, dict[str, float]] = {}
    for row in out:
        there = row["count"] * (100 - float(row["null_percentage"])) / 100
        if options["columns"][row["column_name"]] == "string":
            answer[row["column_name"]] = {"rows": there, "distinct": row["approx_unique"]}
        else:
            named = {
                "least": "min",
                "largest": "max",
                "mean": "avg",
                "std": "std",
                "q25": "q25",
                "q50": "q50",
                "q75": "q75",
            }
            answer[row["column_name"]] = {"rows": there, **{ours: float(row[theirs]) for ours, theirs in named.items()}}
    Path(options["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    serve(prepare, work, finish)
