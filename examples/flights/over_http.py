"""December over HTTP: the server answers a few hundred real flights, and each answer is held against batch prediction.

Four times the online state is brought to an instant, and whoever asks within the hour that follows is answered from it.
Batch prediction with what was known by that instant must say the same, to the bit: the numbers, the version, how far
to trust them and why.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

import gapless as gl
from gapless.clock import HOUR, format_instant, parse_instant

__all__ = ["MOMENTS", "compared", "requests_within", "served"]

MOMENTS = tuple(
    parse_instant(text)
    for text in ("2013-12-03T16:00:00Z", "2013-12-12T20:00:00Z", "2013-12-20T13:00:00Z", "2013-12-28T22:00:00Z")
)
ALONE = 10  # so many flights of each hour ask one by one, the others together


@contextmanager
def served(folder: Path) -> Iterator[httpx.Client]:
    """A server of the workspace, ready; it drains and ends with the block."""
    command = [sys.executable, "-m", "gapless", "serve", "--port", "0", "--drain", "0", "--json"]
    process = subprocess.Popen([*command, "--workspace", str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise SystemExit(f"the server did not start, exit code {process.wait()}")
        with httpx.Client(base_url=json.loads(said)["url"], timeout=60) as client:
            client.get("/readyz").raise_for_status()
            yield client
    finally:
        process.terminate()
        process.wait()


def requests_within(workspace: gl.Workspace, model: str, start_us: int, end_us: int) -> list[dict[str, Any]]:
    """The requests of that time as a client writes them: JSON with times as text."""
    source = workspace.product.model(model).requests
    sources = workspace.sources(workspace.product.model(model), labels=False, requests=True)
    read = sources.read(source, list(source.columns), start_us=start_us, end_us=end_us)
    return [{name: _json(row[name]) for name in source.columns} for row in read.read_all().to_pylist()]


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def answers(client: httpx.Client, model: str, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the server says to each: some ask alone, the others in one call."""
    calls = [[request] for request in requests[:ALONE]] + [requests[ALONE:]]
    found = []
    for asked in filter(None, calls):
        answer = client.post(f"/v1/models/{model}/predict", json={"requests": asked}).raise_for_status().json()
        found += [row | {"model_version": answer["version"]} for row in answer["predictions"]]
    return found


def compared(workspace: gl.Workspace, client: httpx.Client, model: str, version: str, at_us: int) -> tuple[int, int]:
    """(flights asked about, answers whose trust is ok) of the hour from an instant on, all equal to batch prediction.

    Raises: SystemExit naming the first answer that differs.
    """
    end_us = at_us + HOUR
    said = answers(client, model, requests_within(workspace, model, at_us, end_us))
    name = f"{model}-{format_instant(at_us)[:13]}"
    out = workspace.settings.home / "scored" / name
    workspace.predict(model, out, from_us=at_us, until_us=end_us, known_by_us=at_us, version=version)
    batch = {row["request_id"]: row for row in pa.table(DeltaTable(out).to_pyarrow_table()).to_pylist()}
    different = [row for row in said if _bits(row) != _bits(batch[row["request_id"]])]
    if different or len(said) != len(batch):
        shown = different[:1] and (_bits(different[0]), _bits(batch[different[0]["request_id"]]))
        raise SystemExit(f"{len(different)} of {len(said)} answers differ from {len(batch)} of batch: {shown}")
    return len(said), sum(row["trust"] == "ok" for row in said)


def _bits(row: dict[str, Any]) -> tuple[Any, ...]:
    reasons = json.loads(row["reasons"]) if isinstance(row["reasons"], str) else row["reasons"]
    numbers = [None if row[name] is None else np.float32(row[name]).tobytes() for name in ("prediction", "probability")]
    return *numbers, row["model_version"], row["trust"], json.dumps(reasons, sort_keys=True)
