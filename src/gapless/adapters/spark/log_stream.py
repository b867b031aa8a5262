"""Structured Streaming over the event log: micro-batch after micro-batch through a function that runs in tasks."""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSourceStreamReader
from pyspark.sql.streaming.query import StreamingQuery

from gapless.adapters.spark.log_source import LogFeed, log_source
from gapless.errors import SettingsError, Transient
from gapless.ports.ranges import Block

__all__ = ["Apply", "LogStream", "Run", "has_context"]

Apply = Callable[[Iterable[Block]], Iterator[Any]]
"""Runs in a task on the blocks that it reads, in order; what it gives comes back to the driver. Both are pickled."""

Run = Callable[[Apply], list[Any]]
"""Runs an `Apply` over one micro-batch, in as many tasks as it was dealt out to."""

_OUTCOMES = pa.schema([pa.field("outcome", pa.binary())])
_SETTINGS = {
    "spark.sql.streaming.pollingDelay": "20ms",
    # What comes back is small, and so is what goes in: a block is a row.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "8",
}


class LogStream:
    """A streaming query.

    Where a query stands is not kept by Spark: it begins where the feed says, and its checkpoint goes with it.

    Parameters:
        session — its SQL settings are this stream's to change.
        name — of the source, one that no other stream of this process has.
        feed — what is read.
        batch — called for each micro-batch, by a thread of Spark's, with a function that runs an `Apply` over its
            blocks; it may call it any number of times, or not at all. What it raises ends the query.

    Raises: SettingsError before Spark 4.2.
    """

    def __init__(self, session: SparkSession, name: str, feed: LogFeed, batch: Callable[[Run], None]) -> None:
        if not hasattr(DataSourceStreamReader, "getDefaultReadLimit"):
            raise SettingsError(
                "this version of Spark cannot bound the micro-batches of our source",
                seen=session.version,
                allowed="4.2 or later",
                next_step="pip install 'pyspark>=4.2', and a cluster of that version",
            )
        self._session, self._name, self._batch = session, name, batch
        self._busy = threading.Lock()
        self._ending, self._failed = threading.Event(), threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="gapless-spark-")
        self._query: StreamingQuery | None = None
        self._starts = 0
        self._error: BaseException | None = None
        for setting, value in _SETTINGS.items():
            session.conf.set(setting, value)
        session.dataSource.register(log_source(name, feed))

    def start(self) -> None:
        """The query runs, until `stop` or an error; also again, after it was ended.

        Raises: Transient where Spark does not start it.
        """
        self._failed.clear()
        self._error, self._starts = None, self._starts + 1
        checkpoint = Path(self._folder.name) / str(self._starts)
        try:
            frame = self._session.readStream.format(self._name).load()
            writer = frame.writeStream.foreachBatch(self._each)
            self._query = writer.option("checkpointLocation", checkpoint.as_uri()).start()
        except (PySparkException, Py4JError) as error:
            raise ended_by(error) from error

    def wait(self, seconds: float) -> None:
        """So long, or until it ends by an error.

        Raises: what `batch` raised; Transient where Spark ended the query.
        """
        query = self._query
        assert query is not None, "it was started"
        self._failed.wait(seconds)
        if self._error is not None:
            raise self._error
        if not query.isActive:
            raise ended_by(query.exception())

    def stop(self) -> None:
        """It ends after the micro-batch that is under way."""
        self._ending.set()
        with self._busy:
            query, self._query = self._query, None
        if query is not None:
            query.stop()
        self._folder.cleanup()

    def _each(self, frame: DataFrame, number: int) -> None:
        with self._busy, ExitStack() as stack:
            stack.push(self._keep_error)
            if not self._ending.is_set():
                self._batch(lambda apply: run(frame, apply))

    def _keep_error(self, kind: object, error: BaseException | None, trace: object) -> None:
        """What comes back through Java has lost its type."""
        if error is not None:
            self._error = error
            self._failed.set()


def has_context() -> bool:
    """Whether this process has a Spark context: then whoever made it ends it."""
    return SparkContext._active_spark_context is not None


def run(frame: DataFrame, apply: Apply) -> list[Any]:
    """What the function gives for the blocks of each task.

    Raises: Transient where Spark gave a task up: it may have done its work, or some of it.
    """
    # Whoever can write what comes back here runs as we do: Spark itself sends functions there and back in this way.
    try:
        rows = frame.mapInArrow(in_task(apply), "outcome binary").collect()
    except (PySparkException, Py4JError) as error:
        raise Transient(
            "Spark gave up a micro-batch",
            seen=str(error).strip().rpartition("\n")[2],
            next_step="see what Spark says of the task that failed; what it did not do, the next one does",
        ) from error
    return [pickle.loads(row["outcome"]) for row in rows]


def in_task(apply: Apply) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function over columns of bytes."""

    def over(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        blocks = (Block.from_bytes(value.as_py()) for batch in batches for value in batch.column(0))
        for outcome in apply(blocks):
            yield pa.record_batch([pa.array([pickle.dumps(outcome)], pa.binary())], schema=_OUTCOMES)

    return over


def ended_by(error: Exception | None) -> Transient:
    """Spark ended the query by itself."""
    return Transient(
        "Spark ended the stream",
        seen="no reason given" if error is None else str(error).strip().partition("\n")[0],
        next_step="start it again: it goes on where the state is",
    )
