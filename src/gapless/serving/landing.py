"""Entries of the prediction log as rows of a table: one column per request column and per feature."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gapless.arrow import ARROW_TYPES, TIMESTAMP
from gapless.errors import CorruptData
from gapless.ports.tables import predictions_table
from gapless.product import FeatureSet
from gapless.schema import Schema
from gapless.serving.entries import Entry

__all__ = ["Definition", "Landing", "definition_of"]


_OWN: Mapping[str, pa.DataType] = {
    "request_id": pa.string(),
    "as_of": TIMESTAMP,
    "answered_at": TIMESTAMP,
    "prediction": pa.float32(),
    "probability": pa.float32(),
    "trust": pa.string(),
    "reasons": pa.string(),
    "model": pa.string(),
    "model_version": pa.string(),
    "live_version": pa.string(),
    "definition_hash": pa.string(),
    "bundle_hash": pa.string(),
    "groups": pa.string(),
}
"""What every table of predictions has. No feature has such a name, since those hold "__"."""


@dataclass(frozen=True)
class Definition:
    """What is needed of a version to read its entries: the columns of its requests, the features of its vector."""

    requests: Schema
    id: str
    vector: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table, in order. A request column that is named like one of ours is `request__NAME` there."""
        own = dict(_OWN) | {"request_id": ARROW_TYPES[self.requests[self.id]]}
        requests = {self.column_of(name): ARROW_TYPES[kind] for name, kind in self.requests.items()}
        return pa.schema([*own.items(), *requests.items(), *((name, pa.float32()) for name in self.vector)])

    def column_of(self, name: str) -> str:
        """Of the table, for a column of the requests."""
        return f"request__{name}" if name in _OWN else name


def definition_of(features: FeatureSet) -> Definition:
    """Of a version whose bundle holds these features."""
    requests = features.requests
    assert requests.event_id is not None
    return Definition(requests.columns, requests.event_id, features.vector)


_Table = tuple[str, Definition]


class Landing:
    """Collects entries as rows, table by table.

    Parameters:
        definition — of the version that an entry names.

    Cost: memory of the rows as Arrow.
    """

    def __init__(self, definition: Callable[[Entry], Definition]) -> None:
        self._definition = definition
        self._definitions: dict[tuple[str, str, str], Definition] = {}
        self._batches: dict[_Table, list[pa.RecordBatch]] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """All of the entries are in, or, where it raises, none.

        Raises: what `definition` raises; CorruptData for an entry that does not fit the definition it names.
        """
        found: dict[_Table, list[Entry]] = {}
        for entry in entries:
            found.setdefault(self._table(entry), []).append(entry)
        made = [(table, _batch(rows, table[1])) for table, rows in found.items()]
        for table, batch in made:
            self._batches.setdefault(table, []).append(batch)

    def tables(self) -> list[tuple[str, pa.Schema, list[pa.RecordBatch]]]:
        """Name, columns and rows of each table, in an order that the entries alone decide."""
        found = sorted(self._batches.items(), key=lambda item: (item[0][0], str(item[0][1].schema)))
        return [(name, definition.schema, batches) for (name, definition), batches in found]

    def _table(self, entry: Entry) -> _Table:
        version = (entry.model, entry.version, entry.bundle_hash)
        if version not in self._definitions:
            self._definitions[version] = self._definition(entry)
        definition = self._definitions[version]
        _check_fits(entry, definition)
        return predictions_table(entry.model, entry.definition_hash), definition


def _check_fits(entry: Entry, definition: Definition) -> None:
    width, wanted = len(entry.vector) // 4, len(definition.vector)
    strange = set(entry.inputs) - set(definition.requests)
    if width == wanted and not strange:
        return
    seen = f"{width} features" if width != wanted else f"request columns {', '.join(sorted(strange))}"
    raise _misfit(entry, seen, f"{wanted} features and request columns {', '.join(definition.requests)}")


def _misfit(entry: Entry, seen: str, allowed: str) -> CorruptData:
    return CorruptData(
        "an entry of the prediction log does not fit the version that it names",
        seen=seen,
        allowed=allowed,
        where=f"{entry.model} {entry.version}, request {entry.request_id!r} or one behind it",
        next_step="set the segment aside and report it",
    )


def _batch(entries: Sequence[Entry], definition: Definition) -> pa.RecordBatch:
    try:
        return _checked_batch(entries, definition, definition.schema)
    except (pa.ArrowException, OverflowError) as problem:
        raise _misfit(entries[0], str(problem), str(definition.schema)) from problem


def _checked_batch(entries: Sequence[Entry], definition: Definition, schema: pa.Schema) -> pa.RecordBatch:
    own = {
        "request_id": [e.request_id for e in entries],
        "as_of": [e.as_of_us for e in entries],
        "answered_at": [e.answered_us for e in entries],
        "prediction": [e.prediction for e in entries],
        "probability": [e.probability for e in entries],
        "trust": [e.trust for e in entries],
        "reasons": [_json(e.reasons) for e in entries],
        "model": [e.model for e in entries],
        "model_version": [e.version for e in entries],
        "live_version": [e.live_version for e in entries],
        "definition_hash": [e.definition_hash for e in entries],
        "bundle_hash": [e.bundle_hash for e in entries],
        "groups": [_json(_groups(e)) for e in entries],
    }
    inputs = {definition.column_of(name): [e.inputs.get(name) for e in entries] for name in definition.requests}
    columns = [pa.array(values, schema.field(name).type) for name, values in {**own, **inputs}.items()]
    return pa.RecordBatch.from_arrays([*columns, *_features(entries, len(definition.vector))], schema=schema)


def _features(entries: Sequence[Entry], width: int) -> list[pa.Array]:
    matrix = np.frombuffer(b"".join(e.vector for e in entries), "<f4").reshape(len(entries), width)
    return [pa.array(column, mask=np.isnan(column)) for column in np.ascontiguousarray(matrix.T)]


def _groups(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            "namespace": g.namespace.hex(),
            "position": g.position,
            "offset": g.offset,
            "as_of_us": g.as_of_us,
            "partition": g.partition,
        }
        for g in entry.groups
    ]


def _json(value: Any) -> str:
    return json.dumps(value if isinstance(value, list) else list(value), ensure_ascii=False, separators=(",", ":"))
