"""The table of outcomes: its columns, and the newest row of each answer.

predictions/m/0123…   row 7:  r1, answered at 09:00
outcomes/m            revision 0  pending                         seen by the join at 09:05
                      revision 1  labelled  1.0  known at 11:00   seen by the join at 12:00
                      revision 2  labelled  0.0  known at 13:30   seen by the join at 14:00, restated 1
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import TIMESTAMP, plain, to_numpy
from gapless.errors import NotFound
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.ports.tables import outcomes_table

__all__ = ["OUTCOMES", "answer_tables", "latest_outcomes", "newest_rows", "no_answers"]

OUTCOMES = pa.schema(
    {
        "request_id": pa.string(),
        "as_of": TIMESTAMP,
        "answered_at": TIMESTAMP,
        "model_version": pa.string(),
        "definition_hash": pa.string(),
        "prediction": pa.float32(),
        "probability": pa.float32(),
        "trust": pa.string(),
        "maturity": pa.string(),
        "label": pa.float64(),
        "label_known_at": TIMESTAMP,
        "revision": pa.int64(),
        "restated": pa.int64(),
        "known_by": TIMESTAMP,
        "label_definition": pa.string(),
        "answer_table": pa.string(),
        "answer_row": pa.int64(),
    }
)
"""Columns of a table of outcomes. `answer_table` and `answer_row` name the answer: a table of predictions and the place
in it, which never changes. A request_id that is a number is its decimal text."""


def answer_tables(store: OfflineStore, model: str) -> list[str]:
    """The tables that answers of a model have landed in, of all its definitions, by name."""
    return [name for name in store.tables() if name.startswith(f"predictions/{model}/")]


def no_answers(model: str) -> NotFound:
    """What is said where nothing has landed yet."""
    return NotFound(
        f"no answer of model {model!r} has landed in a table",
        seen=f"no table predictions/{model}/…",
        allowed="a model that was served, and whose log was moved into tables",
        next_step="gapless compact moves what servers logged; gapless serve answers and logs",
    )


def newest_rows(outcomes: pa.Table) -> pa.Table:
    """The last row of each answer, of rows in append order, which they keep: what is the case now.

    Cost: a sort of row numbers.
    """
    table, row = table_codes(outcomes), to_numpy(outcomes.column("answer_row"))[0]
    order = np.lexsort((row, table))  # stable: rows of one answer stay in append order
    newest = np.ones(len(order), np.bool_)
    newest[order[:-1]] = (np.diff(table[order]) != 0) | (np.diff(row[order]) != 0)
    return outcomes if newest.all() else outcomes.filter(pa.array(newest))


def table_codes(outcomes: pa.Table | pa.RecordBatch) -> npt.NDArray[np.int64]:
    """A number for each row's table of predictions; the same number for the same table within these rows."""
    encoded = plain(outcomes.column("answer_table")).dictionary_encode()
    codes: npt.NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def latest_outcomes(
    store: OfflineStore,
    model: str,
    *,
    since_us: int | None = None,
    until_us: int | None = None,
    known_by_us: int | None = None,
) -> pa.Table:
    """What is known of each answer whose request's time is in [since, until): its newest row, columns as OUTCOMES.

    Parameters:
        known_by_us — as the joins until then saw it; None: as the last one did.

    Raises: NotFound where labels were never joined.

    Cost: memory of all rows of that time; files and row groups outside it are not read.
    """
    table = outcomes_table(model)
    if store.version(table) is None:
        raise NotFound(
            f"labels of model {model!r} were never joined",
            seen=f"no table {table}",
            next_step=f"gapless labels {model} joins them",
        )
    story = store.read(table, within=TimeRange("as_of", since_us, until_us)).read_all()
    if known_by_us is not None:
        story = story.filter(pc.less_equal(story.column("known_by").cast(pa.int64()), known_by_us))
    return newest_rows(story)
