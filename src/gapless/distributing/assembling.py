"""The last stage: what the routes found for a slice of requests is put together, in the order of the requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gapless.distributing.answering import FOUND
from gapless.distributing.blocks import cut, packed, unpacked
from gapless.distributing.routes import OWN, ROW
from gapless.features import with_on_demand
from gapless.ports.engine import Piece
from gapless.product import FeatureSet

__all__ = ["ROWS", "AssembleSlices", "Assembled", "give_rows"]

ROWS = "rows"


@dataclass(frozen=True)
class Assembled:
    """A whole slice: the columns of its requests, every feature, and what else was looked up."""

    slice: int
    rows: pa.RecordBatch


@dataclass(frozen=True)
class AssembleSlices:
    """Each slice whole, and what is made of it.

    Parameters:
        extra — columns that are looked up and are no features, in their order.
        finish — what is given for a slice. Pickled.
    """

    features: FeatureSet
    extra: tuple[str, ...]
    finish: Callable[[Assembled], Iterable[Piece]]

    def __call__(self, pieces: Iterator[Piece]) -> Iterable[Piece]:
        parts: dict[int, list[pa.RecordBatch]] = {}
        own: pa.RecordBatch | None = None
        number = 0
        for piece in pieces:
            kind, batch = unpacked(piece.value)
            number = piece.place
            if kind == OWN:
                own = batch
            elif kind == FOUND:
                parts.setdefault(piece.order, []).append(batch)
        if own is not None:
            yield from self.finish(Assembled(number, self._whole(own, list(parts.values()))))

    def _whole(self, own: pa.RecordBatch, parts: Sequence[list[pa.RecordBatch]]) -> pa.RecordBatch:
        found: dict[str, pa.Array] = {}
        for batches in parts:
            found |= _in_order(batches, own.num_rows)
        extra = {name: found.pop(name) for name in self.extra}
        rows = with_on_demand(self.features, own, found)
        columns = dict(zip(rows.schema.names, rows.columns, strict=True)) | extra
        return pa.RecordBatch.from_pydict(columns)


def _in_order(batches: list[pa.RecordBatch], rows: int) -> dict[str, pa.Array]:
    """The columns by name, each row at its place."""
    joined = pa.concat_batches(batches)
    batches.clear()
    place = np.empty(rows, np.int64)
    place[joined.column(ROW).to_numpy()] = np.arange(rows)
    order = pa.array(place)
    return {name: joined.column(name).take(order) for name in joined.schema.names if name != ROW}


def give_rows(assembled: Assembled) -> Iterator[Piece]:
    """The slice itself, in pieces."""
    for number, part in enumerate(cut(assembled.rows)):
        yield Piece(0, number, packed(ROWS, part))
