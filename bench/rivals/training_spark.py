"""Windowed features with Spark SQL's RANGE frames over events and requests laid together."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from bench.child import serve

FRAME = "w{name} AS (PARTITION BY key ORDER BY t RANGE BETWEEN {width} PRECEDING AND 1 PRECEDING)"
VALUES = """
    count(v) OVER w{name} AS count_{name}, sum(v) OVER w{name} AS sum_{name}, avg(v) OVER w{name} AS mean_{name},
    min(v) OVER w{name} AS min_{name}, max(v) OVER w{name} AS max_{name},
    last_value(v, true) OVER w{name} AS last_{name}
"""
QUERY = """
    WITH rows_and_requests AS (
        SELECT key, t, v, CAST(NULL AS STRING) AS id FROM parquet.`{events}`
        UNION ALL SELECT key, t, CAST(NULL AS DOUBLE), id FROM parquet.`{requests}`
    ), answered AS (SELECT id, {values} FROM rows_and_requests WINDOW {frames})
    SELECT * FROM answered WHERE id IS NOT NULL
"""


def prepare(options: dict[str, Any]) -> tuple[SparkSession, str]:
    windows = options["windows"]
    values = ",".join(VALUES.format(name=name) for name in windows)
    frames = ", ".join(FRAME.format(name=name, width=width) for name, width in windows.items())
    settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.memory": "4g"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in {**settings, "spark.sql.shuffle.partitions": "2"}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sql("SELECT 1").toArrow()
    return session, QUERY.format(**options, values=values, frames=frames)


def work(state: tuple[SparkSession, str]) -> pa.Table:
    session, query = state
    return session.sql(query).toArrow()


def finish(options: dict[str, Any], out: pa.Table) -> dict[str, float]:
    ids = pq.read_table(options["requests"], columns=["id"])["id"].combine_chunks()
    kept = out.filter(pc.is_in(out["id"], value_set=ids.take(pa.array(range(0, len(ids), options["sample_every"])))))
    pq.write_table(kept, options["sample"])
    return {"rows": len(out)}


if __name__ == "__main__":
    serve(prepare, work, finish)
