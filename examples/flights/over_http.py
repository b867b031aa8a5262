"""A server of the workspace as a process of its own, and what it says to flights that ask."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa

__all__ = ["answers", "served"]

ALONE = 3  # so many flights ask one by one, the others together


@contextmanager
def served(folder: Path) -> Iterator[httpx.Client]:
    """A server of the workspace, ready; it drains and ends with the block."""
    command = [sys.executable, "-m", "gapless", "serve", "--port", "0", "--drain", "0", "--json"]
    process = subprocess.Popen([*command, "--workspace", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        try:
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"the server did not start, exit code {process.wait()}")
            with httpx.Client(base_url=json.loads(line)["url"], timeout=60) as client:
                client.get("/readyz").raise_for_status()
                yield client
        finally:
            process.terminate()
            process.wait()


def answers(client: httpx.Client, model: str, requests: pa.Table) -> list[dict[str, Any]]:
    """What the server says to each request, in their order."""
    rows = [{name: _json(value) for name, value in row.items()} for row in requests.to_pylist()]
    found: list[dict[str, Any]] = []
    for asked in filter(None, [[row] for row in rows[:ALONE]] + [rows[ALONE:]]):
        answer = client.post(f"/v1/models/{model}/predict", json={"requests": asked}).raise_for_status().json()
        found += answer["predictions"]
    return found


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
