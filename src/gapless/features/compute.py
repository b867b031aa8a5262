"""Every feature of every request as of the request's own time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES, known_by, plain, to_numpy
from gapless.errors import InputError
from gapless.expr import compile_columns
from gapless.features.blocks import Block, Buckets, Encoder, sorted_events
from gapless.features.derived import DerivedSources
from gapless.features.keys import KeyIndex
from gapless.features.parallel import ahead, in_order
from gapless.features.plan import Group, plan_groups
from gapless.features.requests import checked_requests
from gapless.features.sources import SourceReader
from gapless.product import FeatureSet, Model
from gapless.schema import Type
from gapless.windows import Column, Queries, aggregate, time_order

__all__ = ["Limits", "chunked", "compute", "gathered", "group_columns", "one_batch", "with_on_demand"]

Array = npt.NDArray[Any]

_ENCODED_ROWS = 1 << 18


@dataclass(frozen=True)
class Limits:
    """How much is held at once.

    Parameters:
        chunk_bytes — of results; requests are answered in chunks of about that size.
        bucket_bytes — of events or results that the kernel sees at once.
        events_bytes — of events kept in memory; above it they are dealt into files.
        scratch — the folder for those files; None: the system's.
        workers — threads that work on buckets at the same time; each holds a bucket.
    """

    chunk_bytes: int = 512 << 20
    bucket_bytes: int = 12 << 20
    events_bytes: int = 1 << 30
    scratch: Path | None = None
    workers: int = 2

    def buckets(self, total_bytes: int) -> int:
        """How many buckets so much is dealt into."""
        return min(max(-(-total_bytes // self.bucket_bytes), 1), 512)

    def chunk_rows(self, columns: int) -> int:
        """Requests per chunk."""
        return max(self.chunk_bytes // (9 * max(columns, 1)), 1 << 14)


def compute(
    model: Model | FeatureSet,
    requests: pa.Table | pa.RecordBatchReader,
    sources: SourceReader,
    *,
    known_by_us: int | None = None,
    limits: Limits = Limits(),
    progress: Callable[[int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The columns of the requests, then every feature, computed as of each request's event time.

    A feature sees an event where event_time < t and known_at <= t (and known_at <= known_by_us, where given).

    Parameters:
        model — or its features alone.
        requests — has the columns of the model's requests; others are refused by nobody and left out.
        sources — where events are read from, once for each (source, key) and chunk of requests.
        progress — called with the number of requests done.

    Returns: batches in the order of the requests; a float, bool, string or timestamp column `view__feature_window` for
        each feature, ordered by name after the columns of the request.

    Raises: InputError for requests with a missing or wrong column, or a null time.

    Guarantees: deterministic to the bit whatever the chunks and buckets; the requests may come in any order.

    Cost: linear in events and requests where both come nearly in time order; memory bounded by `limits`.
    """
    groups, sources = plan_groups(model.views), DerivedSources.around(sources)
    done = 0
    for chunk in chunked(checked_requests(model.requests, requests), limits.chunk_rows(len(model.outputs))):
        yield _answer(model, groups, chunk, sources, known_by_us, limits)
        done += chunk.num_rows
        if progress is not None:
            progress(done)


def chunked(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in the same order, cut anew: every chunk but the last has exactly `rows`."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while count + batch.num_rows >= rows:
            head = batch.slice(0, rows - count)
            yield _one([*held, head])
            batch = batch.slice(rows - count)
            held, count = [], 0
        held.append(batch)
        count += batch.num_rows
    if count:
        yield _one(held)


def _one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _answer(
    model: Model | FeatureSet,
    groups: Sequence[Group],
    chunk: pa.RecordBatch,
    sources: SourceReader,
    known_by_us: int | None,
    limits: Limits,
) -> pa.RecordBatch:
    at, _ = to_numpy(chunk.column(model.requests.event_time))
    found: dict[str, pa.Array] = {}
    for group in groups:
        found |= group_columns(group, chunk, at, sources, model.outputs, known_by_us=known_by_us, limits=limits)
    return with_on_demand(model, chunk, found)


def with_on_demand(
    model: Model | FeatureSet, requests: pa.RecordBatch, found: Mapping[str, pa.Array]
) -> pa.RecordBatch:
    """The columns of the requests, then every feature: those that were `found` for them, and those made of these."""
    columns: dict[str, pa.Array] = dict(zip(requests.schema.names, requests.columns, strict=True))
    own = list(columns)
    columns |= found
    for part in model.on_demands:
        computed = compile_columns(part.expressions)(pa.RecordBatch.from_pydict(columns))
        columns |= dict(zip(computed.schema.names, computed.columns, strict=True))
    return pa.RecordBatch.from_pydict({name: columns[name] for name in [*own, *model.outputs]})


def group_columns(
    group: Group,
    chunk: pa.RecordBatch,
    at: Array,
    sources: SourceReader,
    types: Mapping[str, Type],
    *,
    known_by_us: int | None,
    limits: Limits,
) -> dict[str, pa.Array]:
    """The features of one group for some requests, in their order.

    Parameters:
        chunk — has the request columns of the group's keys.
        at — [n] int64, the instant of each request.
        types — of the features, by column.
    """
    keys = KeyIndex([chunk.column(key) for key, _ in group.keys])
    encoder = Encoder(group, keys)
    results = _Results(group, len(at))
    count = limits.buckets(max(results.nbytes, sources.rows(group.source) * group.row_bytes))
    buckets = Buckets(count, memory_bytes=limits.events_bytes, scratch=limits.scratch)
    try:
        for batch in _visible(group, at, sources, known_by_us):
            buckets.add(encoder.encode(batch))
        pa.default_memory_pool().release_unused()  # what reading needed, before results take its place
        work = _Work(group, encoder.kinds, keys.codes, at, count)
        for rows, columns in in_order(work.answer, buckets.deal(), workers=limits.workers):
            results.add(rows, columns)
    finally:
        buckets.close()
    return results.to_arrow(types, encoder)


def _visible(group: Group, at: Array, sources: SourceReader, known_by_us: int | None) -> Iterator[pa.RecordBatch]:
    if not len(at):
        return
    start = group.start_us(int(at.min()))
    reader = sources.read(group.source, sorted(group.columns), start_us=start, end_us=int(at.max()))
    for batch in ahead(gathered(reader, _ENCODED_ROWS)):
        seen = known_by(batch, known_by_us)
        if seen.num_rows:
            yield seen


def gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Batches of at least so many rows: encoding keys has a cost for each batch that grows with the keys."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield _one(held)
            held, count = [], 0
    if held:
        yield _one(held)


class _Work:
    """What it takes to answer the requests of one bucket; read by several threads, written by none."""

    def __init__(self, group: Group, kinds: Sequence[npt.DTypeLike], codes: Array, at: Array, buckets: int) -> None:
        self._codes, self._at, self._buckets = codes, at, buckets
        self._delay_us, self._kinds = group.source.delay_us, kinds
        self._specs = [spec for spec, _ in group.specs]

    def answer(self, dealt: tuple[int, list[Block]]) -> tuple[Array, list[tuple[Column, ...]]]:
        """(rows of the chunk, their results for each spec); the blocks are let go of."""
        bucket, blocks = dealt
        rows = np.flatnonzero(self._codes % self._buckets == bucket) if self._buckets > 1 else np.arange(len(self._at))
        rows = rows[time_order(self._codes[rows], self._at[rows], self._at[rows])]
        events = sorted_events(blocks, self._delay_us, self._kinds)
        blocks.clear()
        return rows, aggregate(events, Queries(self._codes[rows], self._at[rows]), self._specs)


class _Results:
    """The outputs of a group for one chunk of requests: in the order of the buckets, put in the requests' at the end.

    Columns are allocated whole, once: many pieces of many columns would leave the heap full of holes.
    """

    def __init__(self, group: Group, rows: int) -> None:
        self._group = group
        self._order = np.empty(rows, np.int64)
        self._filled = 0
        self._columns: dict[str, Column] = {}

    @property
    def nbytes(self) -> int:
        return len(self._order) * 9 * len(self._group.output_columns)

    def add(self, rows: Array, computed: Sequence[tuple[Column, ...]]) -> None:
        """The answers for these rows of the chunk."""
        place = slice(self._filled, self._filled + len(rows))
        self._order[rows] = np.arange(place.start, place.stop)
        self._filled = place.stop
        for (_, names), columns in zip(self._group.specs, computed, strict=True):
            for name, column in zip(names, columns, strict=True):
                whole = self._column(name, column)
                whole.values[place] = column.values
                whole.valid[place] = column.valid

    def to_arrow(self, types: Mapping[str, Type], encoder: Encoder) -> dict[str, pa.Array]:
        """One column after the other, so that only one is held twice."""
        out = {}
        for spec, names in self._group.specs:
            texts = None if spec.input is None else encoder.texts.get(spec.input)
            for name in names:
                column = self._columns.pop(name)
                values, valid = column.values[self._order], column.valid[self._order]
                if types[name] is Type.STRING:
                    assert texts is not None
                    out[name] = _texts(values, valid, texts.values)
                else:
                    out[name] = _column(types[name], values, valid)
        return out

    def _column(self, name: str, like: Column) -> Column:
        rows = len(self._order)
        if name not in self._columns:
            self._columns[name] = Column(np.empty(rows, like.values.dtype), np.empty(rows, np.bool_))
        return self._columns[name]


def _column(kind: Type, values: Array, valid: Array) -> pa.Array:
    """An Arrow column around the same memory, where the type allows."""
    if kind is Type.BOOL:
        return pa.array(values.astype(np.bool_), mask=~valid)
    wide = np.ascontiguousarray(values, np.float64 if kind is Type.FLOAT else np.int64)
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(ARROW_TYPES[kind], len(wide), [bitmap, pa.py_buffer(wide)])


def _texts(codes: Array, valid: Array, texts: Sequence[str]) -> pa.Array:
    if not texts:
        return pa.nulls(len(codes), pa.string())
    return plain(pa.array(list(texts), pa.string()).take(pa.array(codes.astype(np.int64), mask=~valid)))


def one_batch(batches: Iterator[pa.RecordBatch]) -> pa.Table:
    """All of it as one table, for what fits in memory.

    Raises: InputError where there is no request at all.
    """
    held = list(batches)
    if not held:
        raise InputError("there are no requests", seen="0 rows", allowed="at least one", next_step="check the file")
    return pa.Table.from_batches(held)
