"""SparkEngine: the BatchEngine port on a Spark session.

A stage is `repartitionById` by the place of a piece, then `mapInArrow`. Spark sees rows of (place, order, failed,
value) and nothing of what is in a value.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from types import ModuleType

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import RDD, SparkContext
from pyspark.errors import PySparkException
from pyspark.serializers import NoOpSerializer
from pyspark.sql import DataFrame, SparkSession

from gapless.adapters.spark.failures import job_failed
from gapless.adapters.spark.following import following
from gapless.adapters.spark.session import open_session
from gapless.adapters.spark.shipping import ship, travelling_whole
from gapless.adapters.spark.work import COLUMNS, SCHEMA, batch_of, pieces_of, worked
from gapless.ports.engine import EngineCapabilities, Piece, Progress, Stage

__all__ = ["SparkEngine"]

_SQL_SETTINGS = {
    "spark.sql.adaptive.enabled": "false",  # partitions stay as many as were asked for
    "spark.sql.execution.arrow.localRelationThreshold": "0b",  # a batch of tasks is a partition, however small
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "16",  # of results: they are not cut by bytes
    "spark.sql.execution.arrow.maxBytesPerBatch": str(32 << 20),  # a row here may be some megabytes
}
_Given = tuple[Piece, bool]
"""A piece of the last stage, and whether it is an error."""

_RUNS = count()
"""Names a group of jobs: a process has one context."""


class SparkEngine:
    """Stages on a Spark session, which the caller opened and equipped (see `open_session`, `ship`).

    Parameters:
        session — used by this engine alone: SQL settings of it are changed.
        stops — whether `close` ends the session.
        authors — modules whose functions travel whole, since workers cannot import them.

    Guarantees: those of the port. A lost executor's tasks are done again by others; what a stage had sent from it, too.

    Cost: about 70 ms for each task, 0.1 s for each stage; pieces lie in Spark's shuffle files between stages.
    """

    def __init__(self, session: SparkSession, *, stops: bool = False, authors: Sequence[ModuleType] = ()) -> None:
        self._session, self._stops, self._authors = session, stops, authors
        for name, value in _SQL_SETTINGS.items():
            if session.conf.isModifiable(name):
                session.conf.set(name, value)

    @classmethod
    def open(cls, master: str, *, libraries: Sequence[str], authors: Sequence[ModuleType] = ()) -> SparkEngine:
        """An engine on a master, its executors equipped. A context that this process has already is joined, and stays.

        Parameters:
            libraries — distributions that tasks need: see `ship`.
            authors — see SparkEngine.

        Raises: as `open_session` and `ship`.
        """
        own = SparkContext._active_spark_context is None
        with ExitStack() as stack:
            session = open_session(master)
            if own:
                stack.callback(session.stop)
            ship(session, libraries=libraries)
            stack.pop_all()
        return cls(session, stops=own, authors=authors)

    @property
    def capabilities(self) -> EngineCapabilities:
        """See BatchEngine. Slots are those of the executors that are there now."""
        context = self._session.sparkContext
        return EngineCapabilities(max(context.defaultParallelism, 1), str(context.master).startswith("local"))

    def run(self, stage: Stage, *, progress: Progress | None = None, at_once: bool = False) -> Iterator[Piece]:
        """See BatchEngine.run."""
        context = self._session.sparkContext
        group = f"gapless-{next(_RUNS)}"
        done = False
        try:
            context.setJobGroup(group, f"gapless: {stage.name}", interruptOnCancel=True)
            with following(context, group, stage, progress):
                yield from self._results(stage, at_once)
            done = True
        except (PySparkException, Py4JError) as problem:
            raise job_failed(problem, stage.name) from problem
        finally:
            if not done:
                context.cancelJobGroup(group)
            context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]

    def close(self) -> None:
        """See BatchEngine."""
        if self._stops:
            self._session.stop()

    def _results(self, stage: Stage, at_once: bool) -> Iterator[Piece]:
        with travelling_whole(self._authors):
            frame = self._frame(stage, last=True)
        if at_once:
            yield from _ordered([given for batch in frame.toArrow().to_batches() for given in pieces_of(batch)])
            return
        # The whole stage runs at once and its results wait in a shuffle, from which they are fetched one by one.
        waiting = frame.repartitionById(stage.partitions, frame.place)
        held: list[_Given] = []
        for batch in self._fetched(waiting):
            for given in pieces_of(batch):
                if held and given[0].place != held[0][0].place:
                    yield from _ordered(held)
                    held = []
                held.append(given)
        yield from _ordered(held)

    def _fetched(self, frame: DataFrame) -> Iterator[pa.RecordBatch]:
        """Partition after partition. `DataFrame.toLocalIterator` would pickle each row in Java, at 50 MB/s."""
        batches = frame._jdf.toArrowBatchRdd().toJavaRDD()
        fetched: RDD[bytes] = RDD(batches, self._session.sparkContext, NoOpSerializer())
        for data in fetched.toLocalIterator(prefetchPartitions=True):
            yield pa.ipc.read_record_batch(pa.py_buffer(data), SCHEMA)

    def _frame(self, stage: Stage, *, last: bool = False) -> DataFrame:
        coming = self._tasks(stage.tasks) if stage.tasks else self._sent(stage)
        return coming.mapInArrow(worked(stage.work, last=last), COLUMNS)

    def _sent(self, stage: Stage) -> DataFrame:
        first, *others = map(self._frame, stage.reads)
        for other in others:
            first = first.unionAll(other)
        return first.repartitionById(stage.partitions, first.place)

    def _tasks(self, tasks: Sequence[bytes]) -> DataFrame:
        # Spark makes a partition of each batch of a table.
        rows = [batch_of([Piece(place, place, task)]) for place, task in enumerate(tasks)]
        return self._session.createDataFrame(pa.Table.from_batches(rows))


def _ordered(given: Sequence[_Given]) -> Iterator[Piece]:
    """Raises: the error that one of them is."""
    for piece, failed in sorted(given, key=lambda one: (one[0].place, one[0].order)):
        if failed:
            raise pickle.loads(piece.value)
        yield piece
