"""What was served as training data: requests, the features that the model saw, and the label that came later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import ARROW_TYPES, TIMESTAMP, schema_to_arrow, to_numpy
from gapless.errors import NotFound
from gapless.features import KeyIndex
from gapless.ports.offline import OfflineStore
from gapless.ports.tables import predictions_table
from gapless.product import Model
from gapless.serving.landing import definition_of
from gapless.streaming.outcomes import answer_tables, latest_outcomes
from gapless.training.labels import LABELLED, label_names

__all__ = ["outcomes_as_training"]

_LABEL = ("label", "maturity", "label_known_at")


def outcomes_as_training(
    store: OfflineStore,
    model: Model,
    *,
    since_us: int | None = None,
    until_us: int | None = None,
    known_by_us: int | None = None,
) -> pa.RecordBatchReader:
    """Labelled requests as they were answered: the request's columns, the vector in float32, and the label's columns.

    Columns are called as in a training set, which has the features computed anew; these are what the model saw, at the
    freshness that it had. A request that was answered more than once comes once, as it was answered first. Only
    answers of the model's definition as it is now are in it: features of another one mean something else.

    Parameters:
        since_us, until_us — times of the requests, half-open; None is open.
        known_by_us — labels as the joins until then saw them; None: as the last one did.

    Raises: NotFound where no answer of this definition has landed, or labels were never joined.

    Guarantees: rows in the order that they were answered in, table by table.

    Cost: memory of the outcomes of that time; a pass over the tables of this definition's answers.
    """
    base = predictions_table(model.name, model.definition_hash)
    tables = [name for name in answer_tables(store, model.name) if name.startswith(base)]
    if not tables:
        raise NotFound(
            f"no answer of model {model.name!r} as it is defined now has landed",
            seen=base,
            allowed=", ".join(answer_tables(store, model.name)) or "(no table of answers)",
            next_step="serve a version of this definition, then gapless compact; or check out what the version was of",
        )
    outcomes = latest_outcomes(store, model.name, since_us=since_us, until_us=until_us, known_by_us=known_by_us)
    kept = pc.and_(
        pc.is_in(outcomes.column("answer_table"), value_set=pa.array(tables)),
        pc.equal(outcomes.column("maturity"), LABELLED),
    )
    chosen = _first_answers(outcomes.filter(kept))
    schema = _schema(model)
    return pa.RecordBatchReader.from_batches(schema, _batches(store, model, tables, chosen, schema))


def _schema(model: Model) -> pa.Schema:
    value, maturity, known = label_names(model)
    label = {value: ARROW_TYPES[model.label.expression.type], maturity: pa.string(), known: TIMESTAMP}
    features = [(name, pa.float32()) for name in model.vector]
    return pa.schema([*schema_to_arrow(model.requests.columns), *features, *label.items()])


def _first_answers(outcomes: pa.Table) -> pa.Table:
    """Of each request at its time, the answer that was given first."""
    request = KeyIndex([outcomes.column("request_id"), outcomes.column("as_of")]).codes
    answered, _ = to_numpy(outcomes.column("answered_at"))
    order = np.lexsort((answered, request))
    first = np.append(True, np.diff(request[order]) != 0)[: len(order)]
    return outcomes.take(pa.array(np.sort(order[first])))


def _batches(
    store: OfflineStore, model: Model, tables: Sequence[str], chosen: pa.Table, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for name in tables:
        outcomes = chosen.filter(pc.equal(chosen.column("answer_table"), name)).sort_by("answer_row")
        if outcomes.num_rows:
            yield from _of_table(store, model, name, outcomes, schema)


def _of_table(
    store: OfflineStore, model: Model, name: str, outcomes: pa.Table, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    places = _landed_as(store, model, name)
    rows, _ = to_numpy(outcomes.column("answer_row"))
    first = 0
    for batch in store.read(name, columns=list(places.values())):
        start, end = np.searchsorted(rows, [first, first + batch.num_rows])
        if start < end:
            answers = batch.take(pa.array(rows[start:end] - first))
            yield _joined(model, answers, places, outcomes.slice(start, end - start), schema)
        first += batch.num_rows


def _landed_as(store: OfflineStore, model: Model, name: str) -> dict[str, str]:
    """Our column → the table's; those that it has."""
    column_of = definition_of(model.feature_set).column_of
    ours = {own: column_of(own) for own in model.requests.columns} | {own: own for own in model.vector}
    there = set(store.read(name).schema.names)
    return {own: landed for own, landed in ours.items() if landed in there}


def _joined(
    model: Model, answers: pa.RecordBatch, places: dict[str, str], outcomes: pa.Table, schema: pa.Schema
) -> pa.RecordBatch:
    """Rows of a table of answers beside their outcomes; a request column that the table lacks is null.

    The time is that of the answer: a request over HTTP need not name one.
    """
    columns: dict[str, Any] = {own: answers.column(landed) for own, landed in places.items()}
    names = {**dict(zip(label_names(model), _LABEL, strict=True)), model.requests.event_time: "as_of"}
    for ours, theirs in names.items():
        columns[ours] = outcomes.column(theirs).combine_chunks().cast(schema.field(ours).type)
    return pa.RecordBatch.from_arrays(
        [columns[f.name] if f.name in columns else pa.nulls(answers.num_rows, f.type) for f in schema], schema=schema
    )
