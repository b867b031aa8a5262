"""Features of requests, and their labels, by an engine: the same rows in the same order as `features.compute` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gapless.distributing.assembling import Assembled, give_rows
from gapless.distributing.blocks import unpacked
from gapless.distributing.labelling import LabelLookup
from gapless.distributing.planning import Sizes, Span, Tables, plan_stages
from gapless.distributing.scanning import RequestTask, ShippedRows
from gapless.features import checked_requests, chunked
from gapless.ports.engine import BatchEngine, Piece, Progress
from gapless.product import EventSource, FeatureSet

__all__ = ["Sliced", "Slicing", "compute", "run_slices", "sliced"]

_FURTHEST = 1 << 62


@dataclass(frozen=True)
class Sliced:
    """Requests as tasks, with what a plan has to know of them."""

    tasks: tuple[RequestTask, ...]
    span: Span


class Slicing:
    """Makes slices of requests that come one after the other."""

    def __init__(self, source: EventSource) -> None:
        self._time = source.event_time
        self._tasks: list[RequestTask] = []
        self._rows, self._first, self._last = 0, _FURTHEST, -_FURTHEST

    def add(self, batch: pa.RecordBatch) -> None:
        """One slice."""
        ends = pc.min_max(batch.column(self._time).view(pa.int64())).as_py()
        self._first, self._last = min(self._first, ends["min"]), max(self._last, ends["max"])
        self._rows += batch.num_rows
        self._tasks.append(RequestTask(len(self._tasks), ShippedRows.of(batch)))

    def done(self) -> Sliced:
        """All of them."""
        return Sliced(tuple(self._tasks), Span(self._rows, self._first, self._last))


def sliced(source: EventSource, requests: pa.Table | pa.RecordBatchReader, rows: int) -> Sliced:
    """Requests cut into slices of so many rows, which travel with their tasks.

    Raises: as `features.checked_requests`.
    """
    slicing = Slicing(source)
    for batch in chunked(checked_requests(source, requests), rows):
        slicing.add(batch)
    return slicing.done()


def compute(
    engine: BatchEngine,
    features: FeatureSet,
    requests: pa.Table | pa.RecordBatchReader,
    tables: Tables,
    *,
    label: LabelLookup | None = None,
    known_by_us: int | None = None,
    sizes: Sizes | None = None,
    progress: Progress | None = None,
) -> Iterator[pa.RecordBatch]:
    """The columns of the requests, every feature as of each request's own time, then the label's columns if asked for.

    Parameters:
        tables — where events are read from, by many machines at once.
        label — is looked up too.
        known_by_us — events that became known later are not seen.

    Returns: batches in the order of the requests, with the columns and bits of `features.compute`.

    Raises: InputError for requests that do not fit; what the engine raises.

    Guarantees: the same bits whatever the engine, its size and its failures.

    Cost: each source is read once, whatever the number of groups; each event crosses the network once for each group of
        views, each request twice. A worker holds the events and requests of one bucket. The rows come back to the
        caller slice by slice.
    """
    columns = len(features.requests.columns) + len(features.outputs)
    cut = sizes or Sizes.for_rows(engine.capabilities.slots, columns)
    asked = sliced(features.requests, requests, cut.slice_rows)
    pieces = run_slices(
        engine,
        features,
        asked,
        tables,
        give_rows,
        label=label,
        known_by_us=known_by_us,
        sizes=cut,
        progress=progress,
    )
    return (unpacked(piece.value)[1] for piece in pieces)


def run_slices(
    engine: BatchEngine,
    features: FeatureSet,
    asked: Sliced,
    tables: Tables,
    finish: Callable[[Assembled], Iterable[Piece]],
    *,
    label: LabelLookup | None = None,
    known_by_us: int | None = None,
    sizes: Sizes,
    progress: Progress | None = None,
    at_once: bool = False,
) -> Iterator[Piece]:
    """What `finish` gives for each slice, in the order of the slices; nothing where there are no requests."""
    if not asked.tasks:
        return iter(())
    stage = plan_stages(features, label, asked.tasks, asked.span, tables, sizes, known_by_us=known_by_us, finish=finish)
    return engine.run(stage, progress=progress, at_once=at_once)
