"""Pushes events of keys that nobody else has, one at a time, and looks into the online store until each is seen.

`python -m bench.ours.prober '{"workspace": …, "url": …, "first": 0, "count": 200}'` prints the milliseconds of each:
from the call that pushed it, and from the answer that says that it is in the log.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import time
from urllib.parse import urlsplit

import gapless as gl
from gapless.online import OnlineReader

LOOK_EVERY_S = 0.001
PATIENCE_S = 60.0


def probe(workspace: str, url: str, first: int, count: int) -> list[tuple[float, float]]:
    opened = gl.Workspace.open(workspace)
    reader = OnlineReader.of(opened.product.model("reader").feature_set, opened.online)
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_S)
    draw = random.Random(first)
    found = []
    for i in range(first, first + count):
        found.append(_one(connection, where.path, reader, f"probe-{i}"))
        time.sleep(draw.random() * 0.02)  # at any moment of what the others do
    return found


def _one(connection: http.client.HTTPConnection, path: str, reader: OnlineReader, key: str) -> tuple[float, float]:
    body = json.dumps({"events": [{"key": key, "v": 1.0, "t": time.time_ns() // 1_000}]})
    start = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == 200, told
    in_log = time.perf_counter()
    while _count(reader, key) != 1:
        assert time.perf_counter() - in_log < PATIENCE_S, "it was never seen"
        time.sleep(LOOK_EVERY_S)
    seen = time.perf_counter()
    return (seen - start) * 1e3, (seen - in_log) * 1e3


def _count(reader: OnlineReader, key: str) -> float:
    found = reader.read([{"key": key}], [time.time_ns() // 1_000]).row(0)["view__count_7d"]
    return 0.0 if found is None else float(found)


if __name__ == "__main__":
    print(json.dumps(probe(**json.loads(sys.argv[1]))))
