"""Many answers as far as the log was in, each from a state of its own, by one call of the batch kernel.

Each answer becomes a key of its own, and the events that it says were in become events of that key:

    answer 7: key x, 40 events in ──► 40 events of key 7        views by (row_of_answer)
    answer 8: key x, 41 events in ──► 41 events of key 8        sources events_0, events_1: one per group of views
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP, schema_to_arrow
from gapless.features import Limits, compute, float32_matrix, plan_groups
from gapless.online import Layout
from gapless.ports.scorer import Float32
from gapless.product import Entity, EventSource, FeatureSet, FeatureView
from gapless.schema import Schema, Type
from gapless.serving.entries import GroupSeen
from gapless.verifying.candidates import part_of
from gapless.verifying.history import FILES, History
from gapless.verifying.key_table import PARTITION, KeyTable
from gapless.verifying.served import Served, seen_of

__all__ = ["vectors_at_cuts"]

Ints = npt.NDArray[np.int64]

_BATCH_ROWS = 1 << 18
_GUESSED_ROWS = 10_000_000  # enough buckets for the kernel to stay in its cache


def vectors_at_cuts(features: FeatureSet, served: Served, history: History, limits: Limits) -> Float32:
    """[n, k]: what each answer's model should have seen, from the events that the answer says were in.

    Cost: a pass over each source per group, and the kernel's cost for the events of each answer's keys and windows.
    """
    layouts = [Layout.of(group) for group in plan_groups(features.views)]
    row = _free_name(features)
    rows = pa.array(np.arange(len(served)))
    requests = pa.Table.from_batches([served.requests]).append_column(row, rows)
    reader = _Expanded(layouts, served, history, row)
    parts = compute(_by_row(features, layouts, row), requests, reader, limits=limits)
    return np.concatenate([float32_matrix(part, features.vector) for part in parts])


def _free_name(features: FeatureSet) -> str:
    taken = {*features.requests.columns}.union(*(view.source.columns for view in features.views))
    name = "row_of_answer"
    while name in taken:
        name += "_"
    return name


def _by_row(features: FeatureSet, layouts: Sequence[Layout], row: str) -> FeatureSet:
    """The same features, by the number of the answer."""
    groups = {column: i for i, layout in enumerate(layouts) for column in layout.places}
    entity = Entity("answer", [row], site=None)
    views = tuple(_view(view, groups[view.features[0].column], entity, row) for view in features.views)
    return FeatureSet(_with(features.requests, features.requests.name, row), views, features.on_demands)


def _view(view: FeatureView, group: int, entity: Entity, row: str) -> FeatureView:
    return replace(view, entity=entity, keys=(row,), source=_with(view.source, f"{view.source.name}_{group}", row))


def _with(source: EventSource, name: str, row: str) -> EventSource:
    return EventSource(
        name,
        schema=Schema((*source.columns.columns, (row, Type.INT))),
        event_time=source.event_time,
        known_at=source.known_at,
        delay=timedelta(microseconds=source.delay_us) if source.delay_us else None,
        event_id=source.event_id,
        site=None,
    )


class _Expanded:
    """A `SourceReader` of the events of each answer."""

    def __init__(self, layouts: Sequence[Layout], served: Served, history: History, row: str) -> None:
        self._layouts, self._served, self._history, self._row = layouts, served, history, row
        self._places = {f"{layout.group.source.name}_{i}": i for i, layout in enumerate(layouts)}

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See `SourceReader`."""
        types = schema_to_arrow(source.columns)
        schema = pa.schema([*(types.field(name) for name in columns), pa.field(KNOWN_AT, TIMESTAMP)])
        layout = self._layouts[self._places[source.name]]
        table = KeyTable(layout.group, self._served.requests, self._history, start_us, end_us)
        return pa.RecordBatchReader.from_batches(schema, self._batches(layout, table, schema))

    def rows(self, source: EventSource) -> int:
        """See `SourceReader`."""
        return _GUESSED_ROWS

    def _batches(self, layout: Layout, table: KeyTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        held: list[Ints] = []
        owners: list[Ints] = []
        count = 0
        for owner, rows in self._expanded(layout, table):
            held.append(rows)
            owners.append(np.full(len(rows), owner))
            count += len(rows)
            if count >= _BATCH_ROWS:
                yield self._batch(table, np.concatenate(held), np.concatenate(owners), schema)
                held, owners, count = [], [], 0
        if count:
            yield self._batch(table, np.concatenate(held), np.concatenate(owners), schema)

    def _batch(self, table: KeyTable, rows: Ints, owners: Ints, schema: pa.Schema) -> pa.RecordBatch:
        made = table.take(rows).append_column(self._row, pa.array(owners)).select(schema.names)
        return made.combine_chunks().to_batches()[0]

    def _expanded(self, layout: Layout, table: KeyTable) -> Iterator[tuple[int, Ints]]:
        """(answer, the rows of its events that were in and that its windows can see)."""
        served, group = self._served, layout.group
        partition, place = table.numbers(PARTITION), table.numbers(OFFSET)
        time, known = table.numbers(group.source.event_time), table.numbers(KNOWN_AT)
        parts = {text: part_of(layout, seen_of(text)) for text in set(served.groups)}
        for i, at in enumerate(served.at_us.tolist()):
            rows = table.rows_of(i)
            start = group.start_us(at)
            when = time[rows]
            rows = rows[(when < at) & (known[rows] <= at) & (start is None or when >= start)]
            yield i, rows[_in(parts[served.groups[i]], partition[rows], place[rows], known[rows])]


def _in(seen: Mapping[int, GroupSeen], partition: Ints, place: Ints, known: Ints) -> npt.NDArray[np.bool_]:
    """`history.is_in`, for many events."""
    found = np.zeros(len(place), np.bool_)
    for number, one in seen.items():
        if one.as_of_us is not None:
            mine = (partition == number) & (place < one.offset)
            found |= mine & (known <= one.as_of_us) if number == FILES else mine
    return found
