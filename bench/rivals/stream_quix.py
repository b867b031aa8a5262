"""A sum per key and hour of event time with Quix Streams on Kafka: exactly once, its state in RocksDB and a changelog.

The clock starts with the first event that was taken: joining the group and making topics are nobody's throughput.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import pyarrow.parquet as pq
from quixstreams import Application
from quixstreams.dataframe.windows import Sum

from bench.child import serve

HOUR_MS = 3_600_000


def prepare(options: dict[str, Any]) -> Any:
    logging.disable(logging.WARNING)
    began: list[float] = []

    def taken(topic: str, partition: int, offset: int) -> None:
        if not began:
            began.extend((time.perf_counter(), time.process_time()))

    app = Application(
        broker_address=options["broker"],
        consumer_group=f"sums-{options['topic']}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=options["folder"],
        on_message_processed=taken,
        loglevel="ERROR",
    )
    topic = app.topic(options["topic"], key_deserializer="str", value_deserializer="double")
    _produce(app, topic, options)
    sums = app.dataframe(topic).tumbling_window(HOUR_MS).agg(value=Sum()).current()
    seen = [0]

    def count(value: Any) -> None:
        seen[0] += 1

    sums.update(count)
    return app, options["count"], began, seen


def _produce(app: Application, topic: Any, options: dict[str, Any]) -> None:
    import struct

    table = pq.read_table(options["events"]).slice(0, options["count"])
    rows = zip(table["key"].to_pylist(), table["t"].to_pylist(), table["v"].to_pylist(), strict=True)
    with app.get_producer() as producer:
        for key, t, v in rows:
            producer.produce(topic.name, key=key.encode(), value=struct.pack(">d", v), timestamp=t // 1000)


def work(state: Any) -> Any:
    app, count, began, seen = state
    app.run(count=count, timeout=30.0, collect=False)
    return time.perf_counter() - began[0], time.process_time() - began[1], seen[0]


def finish(options: dict[str, Any], done: Any) -> dict[str, Any]:
    wall_s, cpu_s, seen = done
    return {"wall_s": wall_s, "cpu_s": cpu_s, "different": options["count"] - seen}


if __name__ == "__main__":
    serve(prepare, work, finish)
