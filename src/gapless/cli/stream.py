"""gapless stream"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import json_option, workspace_option

if TYPE_CHECKING:
    from gapless.errors import GaplessError
    from gapless.streaming.processor import Step
    from gapless.workspace.spark_streaming import SparkStream
    from gapless.workspace.streaming import Stream

__all__ = ["command"]

_EVERY_S = 10.0


@click.command()
@click.option("--until-end", is_flag=True, help="Take in what is in the log now, then end.")
@click.option(
    "--engine", default="embedded", show_default=True, metavar="ENGINE",
    help="embedded, or spark[:MASTER]: tasks on Spark keep the state (with --no-answers).",
)  # fmt: skip
@click.option("--no-answers", is_flag=True, help="Keep state fresh; leave requests to other processes.")
@click.option(
    "--land-every", "land_every_s", type=click.FloatRange(0.1), default=60.0, show_default=True, metavar="S",
    help="Land events in the offline store every S seconds.",
)  # fmt: skip
@click.option(
    "--batch", "batch_bytes", type=click.IntRange(1_000, 1 << 26), default=1 << 20, show_default=True, metavar="BYTES",
    help="The most of the log that makes one commit.",
)  # fmt: skip
@click.option("--metrics-port", type=click.IntRange(0, 65535), metavar="P", help="Prometheus metrics on 127.0.0.1:P.")
@click.option("--rebuild", is_flag=True, help="Fill streamed state anew; servers see none of it until it is done.")
@click.option("--allow-pickle", is_flag=True, help='Open versions with runtime="python" too.')
@workspace_option
@json_option
def command(
    until_end: bool,
    engine: str,
    no_answers: bool,
    land_every_s: float,
    batch_bytes: int,
    metrics_port: int | None,
    rebuild: bool,
    allow_pickle: bool,
    folder: str,
    as_json: bool,
) -> None:
    """Keep online state fresh from the event log, and answer requests that come as events, until SIGTERM or Ctrl-C.

    Any number of processes on any number of machines may do it at once where the log is Kafka: they share its
    partitions. Killed at any point, the next one goes on: every event counts once, every request is answered once.
    """
    from gapless.streaming.world import Limits
    from gapless.workspace import Workspace
    from gapless.workspace.spark_streaming import open_spark_stream
    from gapless.workspace.streaming import StreamOptions, open_stream

    _check_engine(engine)
    teller = _Teller(as_json=as_json)
    options = StreamOptions(
        Limits(batch_bytes=batch_bytes), answer=not no_answers, land_every_s=land_every_s, allow_pickle=allow_pickle,
        rebuild=rebuild, tell=teller.trouble,
    )  # fmt: skip
    stopping = Event()
    _stop_on_signals(stopping)  # before anything that takes time: a stop is never lost
    workspace = Workspace.open(Path(folder))
    stream: Stream | SparkStream
    if engine == "embedded":
        stream = open_stream(workspace, options, stopping)
    else:
        stream = open_spark_stream(workspace, options, engine, stopping)
        _stop_on_signals(stopping)  # Spark takes Ctrl-C for itself
    try:
        teller.begin(stream, metrics_port)
        run = stream.run_to_end if until_end else stream.run
        run(teller.watch)
    finally:
        stream.close()
    teller.end()


def _stop_on_signals(stopping: Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopping.set())


def _check_engine(engine: str) -> None:
    from gapless.errors import SettingsError

    if engine != "embedded" and engine.partition(":")[0] != "spark":
        raise SettingsError(
            "no such engine",
            seen=engine,
            allowed="embedded, spark, spark:local[2], spark://HOST:PORT",
            next_step="name one of these, or leave --engine out",
        )


class _Teller:
    """A line every ten seconds in which something happened, and one for each thing that went wrong."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._stream: Stream | SparkStream | None = None
        self._events = self._answers = self._filled = 0
        self._shown = (0, 0, 0)
        self._at = time.monotonic()

    def begin(self, stream: Stream | SparkStream, metrics_port: int | None) -> None:
        """What is followed."""
        self._stream = stream
        sources = ", ".join(stream.follows)
        models = ", ".join(stream.answers) or "(none)"
        for note in stream.notes:
            click.echo(note, err=True)
        if metrics_port is not None:
            from gapless.streaming.metrics import serve_metrics

            metrics_port = serve_metrics(stream.report, metrics_port)
        self._say({"follows": sources, "answers": models, "metrics_port": metrics_port},
                  f"follows {sources}\nanswers {models}")  # fmt: skip

    def watch(self, step: Step) -> None:
        """Counts, and says so once in a while."""
        self._events, self._answers = self._events + step.events, self._answers + step.answers
        self._filled += step.filled
        if time.monotonic() - self._at >= _EVERY_S:
            self._progress()

    def trouble(self, error: GaplessError) -> None:
        """It goes on by itself."""
        if self._as_json:
            print(json.dumps({"trouble": error.to_dict()}), flush=True)
        else:
            print(f"trouble, and tried again: {error}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """What was done in all."""
        assert self._stream is not None, "it began"
        self._say(self._stream.report() | {"events": self._events, "filled": self._filled}, self._line("in all"))

    def _progress(self) -> None:
        now = (self._events, self._answers, self._filled)
        self._at = time.monotonic()
        if now != self._shown:
            assert self._stream is not None, "it began"
            self._shown = now
            self._say(self._stream.report(), self._line("so far"))

    def _line(self, when: str) -> str:
        assert self._stream is not None, "it began"
        lag = self._stream.lag()
        filled = f", {self._filled:,} events filled into new state" if self._filled else ""
        return f"{when}: {self._events:,} events, {self._answers:,} answers{filled}; {lag:,} records behind"

    def _say(self, document: dict[str, Any], text: str) -> None:
        print(json.dumps(document) if self._as_json else text, flush=True)
