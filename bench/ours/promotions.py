"""Promotes two versions in turn and waits each time until the server answers with it: `… '{"workspace": …}'`."""

from __future__ import annotations

import json
import statistics
import sys
import time
import urllib.request

import gapless as gl

PATIENCE_S = 30.0


def promote(workspace: str, port: int, count: int, model: str) -> None:
    opened = gl.Workspace.open(workspace)
    waited = []
    for i in range(count):
        version = "21"[i % 2]
        opened.promote(model, version, why=f"swap {i}", by="bench", fallbacks=[])
        waited.append(_until_seen(f"http://127.0.0.1:{port}/v1/models/{model}", version))
    print(json.dumps({"median_s": statistics.median(waited), "most_s": max(waited)}))


def _until_seen(url: str, version: str) -> float:
    """How long it takes from the decision until the server says that this version answers."""
    start = time.perf_counter()
    while time.perf_counter() - start < PATIENCE_S:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            if str(json.load(answer)["version"]) == version:
                return time.perf_counter() - start
        time.sleep(0.02)
    raise SystemExit(f"version {version} does not answer after {PATIENCE_S} s")


if __name__ == "__main__":
    promote(**json.loads(sys.argv[1]))
