"""Inside an executor: the rows of a partition as pieces, the work, and its pieces as rows again."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
from pyspark import TaskContext

from gapless.errors import GaplessError, Transient
from gapless.ports.engine import Piece, Work

__all__ = ["COLUMNS", "SCHEMA", "batch_of", "pieces_of", "worked"]

COLUMNS = "place int, `order` bigint, failed boolean, value binary"
SCHEMA = pa.schema([("place", pa.int32()), ("order", pa.int64()), ("failed", pa.bool_()), ("value", pa.binary())])
_BATCH_BYTES = 4 << 20
_BATCH_ROWS = 1024


def worked(work: Work, *, last: bool) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The work as Spark's mapInArrow takes it.

    Parameters:
        last — it gives results: each has the partition that gave it as its place, and is numbered from 0 in `order`.

    An error of ours is no reason to try three times more: it becomes a row that later stages pass on, and the driver
    raises it. Transient, and what is nobody's of us, fails the task.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        failures: list[bytes] = []
        try:
            given = work(_coming(batches, failures))
            yield from _in_batches(_numbered(given) if last else given)
        except _Failed:
            yield batch_of([Piece(0, 0, failures[0])], failed=True)
        except Transient:
            raise
        except GaplessError as error:
            yield batch_of([Piece(0, 0, pickle.dumps(error))], failed=True)

    return run


def _numbered(pieces: Iterable[Piece]) -> Iterator[Piece]:
    context = TaskContext.get()
    assert context is not None, "called in a task"
    partition = context.partitionId()
    for number, piece in enumerate(pieces):
        yield Piece(partition, number, piece.value)


class _Failed(BaseException):
    """An earlier stage failed."""


def _coming(batches: Iterator[pa.RecordBatch], failures: list[bytes]) -> Iterator[Piece]:
    for batch in batches:
        for piece, failed in pieces_of(batch):
            if failed:
                failures.append(piece.value)
                raise _Failed
            yield piece


def pieces_of(batch: pa.RecordBatch) -> Iterator[tuple[Piece, bool]]:
    """(piece, whether it is an error) for each row."""
    place, order, failed, value = (batch.column(name) for name in SCHEMA.names)
    for i in range(batch.num_rows):
        yield Piece(place[i].as_py(), order[i].as_py(), value[i].as_py()), failed[i].as_py()


def _in_batches(pieces: Iterable[Piece]) -> Iterator[pa.RecordBatch]:
    held: list[Piece] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece.value)
        if size >= _BATCH_BYTES or len(held) >= _BATCH_ROWS:
            yield batch_of(held)
            held, size = [], 0
    if held:
        yield batch_of(held)


def batch_of(pieces: list[Piece], *, failed: bool = False) -> pa.RecordBatch:
    """A row for each piece."""
    columns = [
        pa.array([piece.place for piece in pieces], pa.int32()),
        pa.array([piece.order for piece in pieces], pa.int64()),
        pa.array([failed] * len(pieces), pa.bool_()),
        pa.array([piece.value for piece in pieces], pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
