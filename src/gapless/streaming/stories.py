"""What a join begins with: how far the answers were seen, which stories may still go on, which answers are new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import plain, to_numpy
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.streaming.outcomes import newest_rows

__all__ = ["Seen", "new_answers", "open_answers", "seen"]

_ANSWER = (
    "request_id",
    "as_of",
    "answered_at",
    "prediction",
    "probability",
    "trust",
    "model_version",
    "definition_hash",
)


@dataclass(frozen=True)
class Seen:
    """How far the joins until now came.

    Parameters:
        rows — seen of each table of predictions: its first ones.
        known_by_us, definition — of the last join that wrote; None where none did.
    """

    rows: dict[str, int]
    known_by_us: int | None = None
    definition: str | None = None


def seen(store: OfflineStore, table: str, version: int | None) -> Seen:
    """What one version of a table of outcomes says; rows are in append order, and `known_by` never goes back.

    Cost: a pass over four narrow columns.
    """
    rows: dict[str, int] = {}
    last: dict[str, Any] = {}
    if version is None:
        return Seen(rows)
    columns = ["answer_table", "answer_row", "known_by", "label_definition"]
    for batch in store.read(table, columns=columns, version=version):
        largest = pa.Table.from_batches([batch]).group_by("answer_table").aggregate([("answer_row", "max")])
        for item in largest.to_pylist():
            name = item["answer_table"]
            rows[name] = max(rows.get(name, 0), item["answer_row_max"] + 1)
        last = batch.slice(batch.num_rows - 1).to_pydict()
    if not last:
        return Seen(rows)
    known_by, _ = to_numpy(batch.column("known_by"))
    return Seen(rows, int(known_by[-1]), last["label_definition"][0])


def open_answers(
    store: OfflineStore, table: str, version: int | None, *, from_us: int | None, chunk_rows: int
) -> Iterator[pa.Table]:
    """The newest row of each answer whose request's time is `from_us` or later, some time at once.

    Cost: a pass over these times, 8 bytes of memory for each; then a chunk at once.
    """
    if version is None:
        return
    after = TimeRange("as_of", from_us)
    parts = [
        to_numpy(batch.column(0))[0] for batch in store.read(table, columns=["as_of"], version=version, within=after)
    ]
    if not parts:
        return
    times = np.sort(np.concatenate(parts))
    cuts = np.unique(times[chunk_rows::chunk_rows]).tolist()
    for start, end in pairwise([from_us, *cuts, None]):
        story = store.read(table, version=version, within=TimeRange("as_of", start, end)).read_all()
        if story.num_rows:
            yield newest_rows(story)


def new_answers(store: OfflineStore, table: str, version: int, *, skip: int, chunk_rows: int) -> Iterator[pa.Table]:
    """The rows of a table of predictions after the first `skip`, with the columns of outcomes that they have."""
    if store.stats(table, version=version).rows <= skip:
        return
    waiting: list[pa.Table] = []
    row = 0
    for batch in store.read(table, columns=list(_ANSWER), version=version):
        fresh = batch.slice(max(skip - row, 0))
        if fresh.num_rows:
            waiting.append(_named(fresh, table, row + batch.num_rows - fresh.num_rows))
        row += batch.num_rows
        if sum(part.num_rows for part in waiting) >= chunk_rows:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _named(answers: pa.RecordBatch, table: str, first: int) -> pa.Table:
    columns: dict[str, Any] = dict(zip(answers.schema.names, answers.columns, strict=True))
    columns["request_id"] = plain(pc.cast(columns["request_id"], pa.string()))
    columns["answer_table"] = pa.repeat(table, answers.num_rows)
    columns["answer_row"] = pa.array(np.arange(first, first + answers.num_rows))
    return pa.table(columns)
