"""One log, ours or a rival's: every way of appending, then reading everything back and counting the bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from bench.child import serve
from bench.ours.log_doors import DOORS, Door


def prepare(options: dict[str, Any]) -> Any:
    door = DOORS[options["name"]](options)
    values = {way: MAKERS[way](count, options) for way, count in options["sizes"].items()}
    for way in values:
        door.create(f"{way}-{options['run']}")
    warm = f"warm-{options['run']}"
    door.create(warm)
    door.append(warm, values["single"][:10])
    assert sum(len(part) for part in door.read(warm, 10)) == 10
    return options, door, values


def work(state: Any) -> dict[str, float]:
    options, door, values = state
    told = {}
    for way, records in values.items():
        topic, count = f"{way}-{options['run']}", options["sizes"][way]
        size = {"arrow": 1, "single": options["per_call"], "alone": 1}[way]
        told[f"{way}_append"] = count / timed(lambda d=door, t=topic, r=records, s=size: append(d, t, r, s))
        told[f"{way}_read"] = count / timed(lambda d=door, t=topic, r=records: check(d, t, r))
    door.close()
    return told


def append(door: Door, topic: str, records: Sequence[bytes], size: int) -> None:
    for start in range(0, len(records), size):
        door.append(topic, records[start : start + size])


def check(door: Door, topic: str, records: Sequence[bytes]) -> None:
    read = [value for part in door.read(topic, len(records)) for value in part]
    assert read == records, "what was read is not what was appended"


def timed(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def arrow(count: int, options: dict[str, Any]) -> list[bytes]:
    """Streams of so many events; a payload fills each event up to its bytes."""
    size, rng = options["per_record"], np.random.default_rng(1)
    return [_stream(min(size, count - start), options["event_bytes"], rng) for start in range(0, count, size)]


def _stream(rows: int, event_bytes: int, rng: np.random.Generator) -> bytes:
    numbers = {"t": rng.integers(0, 2**50, rows), "known": rng.integers(0, 2**50, rows), "v": rng.normal(size=rows)}
    more = pa.array([uuid4().hex[: event_bytes % 32 or 32] + "x" * (event_bytes - 60) for _ in range(rows)])
    batch = pa.record_batch({**numbers, "text": more})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    value: bytes = sink.getvalue().to_pybytes()
    return value


def json_events(count: int, options: dict[str, Any]) -> list[bytes]:
    return list(_json(count, options["event_bytes"]))


def _json(count: int, event_bytes: int) -> Iterator[bytes]:
    for i in range(count):
        text = b'[{"id":"%010d","key":"k%06d","v":%.6f,"_known_at":1704067200000000' % (i, i % 1000, i / 7)
        yield text + b',"x":"' + b"x" * max(event_bytes - len(text) - 9, 0) + b'"}]'


MAKERS = {"arrow": arrow, "single": json_events, "alone": json_events}


def finish(options: dict[str, Any], told: dict[str, float]) -> dict[str, float]:
    return told


if __name__ == "__main__":
    serve(prepare, work, finish)
