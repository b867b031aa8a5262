"""A week of flights as it happened: events pushed hour by hour, while a stream and a server answer.

    workspace.replay ─► event log ─► gapless stream ─► online state ─► gapless serve ◄─ flights that ask
                                          └─► an answer to each schedule, as of its own minute

What is pushed is known when its source says, as if the week passed now. Both processes are those that a user would
start. Killed at any point and run again it goes on: every event has an id, so what is pushed again counts once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import over_http
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

import gapless as gl
from gapless.clock import HOUR, parse_instant
from gapless.verifying.verify import Choice

__all__ = ["BEGINS", "ENDS", "Compared", "Mark", "answered", "compared", "known_within", "play", "take_in"]

# Four in the morning in New York, on December 8 and 15: nobody leaves, hardly anybody asks.
BEGINS, ENDS = parse_instant("2013-12-08T09:00:00Z"), parse_instant("2013-12-15T09:00:00Z")
PATIENCE_S = 180
ANSWER = ["request_id", "as_of", "answered_at", "model_version", "prediction", "probability"]


def known_within(workspace: gl.Workspace, name: str, table: pa.Table, from_us: int | None, until_us: int) -> pa.Table:
    """The events of a source that became known in [from, until)."""
    source = workspace.product.source(name)
    known = table[source.event_time].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy() + source.delay_us
    return table.filter(pa.array((known < until_us) & (known >= (-(2**63) if from_us is None else from_us))))


# --- the week -----------------------------------------------------------------------------------------------------


def play(
    workspace: gl.Workspace,
    model: str,
    tables: Mapping[str, pa.Table],
    *,
    from_us: int = BEGINS,
    until_us: int = ENDS,
    progress: Callable[[int], None] = lambda hours: None,
) -> bool:
    """Everything that became known in [from, until) was pushed, is in the state, and was answered.

    Whenever an hour is in, the flights that ask at the minute that begins then ask the server; the stream answers them
    too, from the log, with those of the next hour.

    Returns: False where a run before had done it all.
    """
    mark = Mark.of(workspace)
    begin_us = from_us if mark is None else mark.until_us
    if begin_us >= until_us:
        return False
    requests = workspace.product.model(model).requests.name
    week = {name: known_within(workspace, name, table, from_us, until_us) for name, table in tables.items()}
    folder = workspace.settings.folder
    with streaming(folder, workspace.settings.home / "stream.log") as stream, over_http.served(folder) as client:
        stream.catch_up()
        for start_us in range(begin_us, until_us, HOUR):
            end_us = min(start_us + HOUR, until_us)
            hour = {name: known_within(workspace, name, table, start_us, end_us) for name, table in week.items()}
            for _ in workspace.replay(hour):
                pass
            stream.catch_up()
            over_http.answers(client, model, known_within(workspace, requests, week[requests], end_us, end_us + 1))
            Mark(end_us, time.time_ns() // 1000).note(workspace)
            progress((end_us - from_us) // HOUR)
    return True


@dataclass(frozen=True)
class Mark:
    """How far the week was played: what was known before `until_us` is in; answers until `noted_us` belong to it."""

    until_us: int
    noted_us: int

    @classmethod
    def of(cls, workspace: gl.Workspace) -> Mark | None:
        """None where nothing was played."""
        file = cls._file(workspace)
        return cls(**json.loads(file.read_text())) if file.exists() else None

    def note(self, workspace: gl.Workspace) -> None:
        """Replaces the one before; the file is there whole or not at all."""
        new = self._file(workspace).with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.replace(self._file(workspace))

    @staticmethod
    def _file(workspace: gl.Workspace) -> Path:
        return workspace.settings.home / "live.json"


def answered(workspace: gl.Workspace) -> Choice:
    """The answers that belong to the week: not those that somebody asked for later."""
    mark = Mark.of(workspace)
    return Choice(until_us=0 if mark is None else mark.noted_us + 1)


def take_in(workspace: gl.Workspace) -> None:
    """All that was pushed is in the state of every view that the product has now."""
    stream = workspace.stream()
    try:
        stream.run_to_end()
    finally:
        stream.close()


# --- the stream ---------------------------------------------------------------------------------------------------


@contextmanager
def streaming(folder: Path, log: Path) -> Iterator[Stream]:
    """A stream of the workspace, started; it lands what is in the log and ends with the block.

    Raises: SystemExit where it did not end well.
    """
    command = [sys.executable, "-m", "gapless", "stream", "--metrics-port", "0", "--json", "--workspace", str(folder)]
    log.unlink(missing_ok=True)  # one that was left behind may still write to it
    with log.open("wb") as out, subprocess.Popen(command, stdout=out) as process, httpx.Client(timeout=60) as client:
        try:
            yield Stream(process, log, client)
        finally:
            process.terminate()
    if process.returncode:
        raise SystemExit(f"the stream ended with exit code {process.returncode}: see {log}")


@dataclass(frozen=True)
class Stream:
    """The process, what it prints, and who asks for its metrics."""

    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.Client

    def catch_up(self) -> None:
        """All that was pushed before is in the state and answered. Raises: SystemExit where that does not come."""
        now_s, end_s = time.time(), time.monotonic() + PATIENCE_S
        while self._fresh_s() < now_s:
            if self.process.poll() is not None:
                raise SystemExit(f"the stream ended by itself, exit code {self.process.returncode}")
            if time.monotonic() > end_s:
                raise SystemExit(f"not caught up within {PATIENCE_S} s: does another `gapless stream` run here?")
            time.sleep(0.005)

    def _fresh_s(self) -> float:
        """Until when all that was pushed is in, in Unix time; 0 before it is up, while it fills or stands by."""
        if self._port is None:
            return 0.0
        said = self.client.get(f"http://127.0.0.1:{self._port}/metrics").raise_for_status().text.splitlines()
        values = dict(line.rsplit(" ", 1) for line in said if not line.startswith("#"))
        filling = [float(values[name]) for name in values if name.startswith("gapless_stream_filling{")]
        return float(values.get("gapless_stream_fresh_seconds", 0)) if filling and not any(filling) else 0.0

    @property
    def _port(self) -> int | None:
        first, ended, _ = self.log.read_bytes().partition(b"\n")
        return json.loads(first)["metrics_port"] if ended else None


# --- against batch ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """Answers of a time beside batch prediction.

    Parameters:
        answers — of the version, as the stream and the server gave them; others — how many older versions gave.
        batch — by the same version, each request once.
        different — ids of answers whose bits batch prediction does not give; unanswered — of requests without any.
    """

    answers: pa.Table
    others: int
    batch: pa.Table
    different: list[str]
    unanswered: list[str]


def compared(
    workspace: gl.Workspace, model: str, version: str, *, from_us: int = BEGINS, until_us: int = ENDS
) -> Compared:
    """Every answer to a request of that time, held against batch prediction of the same request."""
    workspace.compact()
    every = _answers(workspace, model, from_us, until_us)
    answers = every.filter(pc.equal(every["model_version"], version))
    out = workspace.settings.home / "scored" / f"{model}-live"
    workspace.predict(model, out, from_us=from_us, until_us=until_us, version=version)
    batch = pa.table(DeltaTable(out).to_pyarrow_table()).filter(pc.field("model_version") == version)
    expected = set(_bits(batch))
    different = [row[0] for row in _bits(answers) if row not in expected]
    unanswered = sorted(set(batch["request_id"].to_pylist()) - set(every["request_id"].to_pylist()))
    return Compared(answers, every.num_rows - answers.num_rows, batch, different, unanswered)


def _answers(workspace: gl.Workspace, model: str, from_us: int, until_us: int) -> pa.Table:
    names = [name for name in workspace.offline.tables() if name.startswith(f"predictions/{model}/")]
    tables = [workspace.offline.read(name, columns=ANSWER).read_all() for name in names]
    if not tables:
        raise SystemExit(f"{model} has answered nothing")
    found = pa.concat_tables(tables)
    at, given = (found[name].cast(pa.int64()).to_numpy() for name in ("as_of", "answered_at"))
    return found.filter(pa.array((at >= from_us) & (at < until_us) & (given < answered(workspace).until_us)))


def _bits(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """(id, prediction, probability) of each row; numbers as their bits."""
    numbers = [_bytes(table[name]) for name in ("prediction", "probability")]
    return zip(table["request_id"].to_pylist(), *numbers, strict=True)


def _bytes(column: pa.ChunkedArray) -> list[bytes | None]:
    return [None if value is None else np.float32(value).tobytes() for value in column.to_pylist()]
