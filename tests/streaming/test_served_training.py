"""Answers as training data: what the model saw, once for each request, with the label that came."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import gapless as gl
from gapless.adapters.delta import DeltaStore
from gapless.arrow import TIMESTAMP
from gapless.clock import DAY, HOUR
from gapless.errors import NotFound
from gapless.features import TableSources
from gapless.ports.tables import predictions_table
from gapless.serving.landing import definition_of
from gapless.streaming.joining import join_labels
from gapless.streaming.served_training import outcomes_as_training

ASKS = gl.EventSource(
    "asks", schema={"id": str, "x": float, "trust": str, "t": datetime}, event_time="t", event_id="id"
)
TRUTH = gl.EventSource("truth", schema={"id": str, "y": float, "t": datetime}, event_time="t")


@gl.on_demand
def own(r):
    return {"double": r.x * 2}


def model(**more: Any) -> gl.Model:
    label = gl.Label("late", source=TRUTH, value=lambda t: t.y > 0, give_up_after="2d")
    given = {"label": label, "metrics": ["roc_auc"], **more}
    return gl.Model("m", requests=ASKS, features=[own], estimator=object, **given)


MODEL = model()
BASE = predictions_table("m", MODEL.definition_hash)
SCHEMA = definition_of(MODEL.feature_set).schema


def land(store: DeltaStore, table: str, rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> None:
    given = [{"id": row["request_id"], "trust": "ok", "request__trust": "mine", **row} for row in rows]
    store.append(table, pa.Table.from_pylist(given, schema=schema).to_reader(), batch_id=f"{store.version(table)}")


def answered(request: str, at: int, answered_at: int, double: float) -> dict[str, Any]:
    return {"request_id": request, "as_of": at, "answered_at": answered_at, "own__double": double, "x": 0.1}


def join(store: DeltaStore, truth: dict[str, tuple[float, int]]) -> None:
    at = pa.array([when for _, when in truth.values()], pa.int64()).cast(TIMESTAMP)
    table = pa.table({"id": list(truth), "y": [y for y, _ in truth.values()], "t": at})
    join_labels(MODEL, TableSources({"truth": table}), store, known_by_us=9 * DAY)


def learned(store: DeltaStore, **more: Any) -> list[dict[str, Any]]:
    reader = outcomes_as_training(store, MODEL, **more)
    assert reader.schema.names == ["id", "x", "trust", "t", "own__double", "late", "label_maturity", "label_known_at"]
    assert reader.schema.field("own__double").type == pa.float32()
    assert reader.schema.field("late").type == pa.bool_()
    return reader.read_all().to_pylist()


def test_a_request_comes_once_as_it_was_answered_first(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    again = [answered("a", 0, 7, 2.0), answered("b", 0, 5, 3.0), answered("a", 0, 6, 1.0), answered("a", HOUR, 8, 4.0)]
    land(store, BASE, again)
    land(store, f"{BASE}-00c01dad", [answered("c", 0, 9, 5.0), answered("b", 0, 4, 6.0)])
    join(store, {"a": (1.0, 2 * HOUR), "b": (0.0, HOUR), "nobody": (1.0, HOUR)})
    rows = learned(store)
    assert [(row["id"], row["own__double"], row["late"]) for row in rows] == [
        ("a", 1.0, True),
        ("a", 4.0, True),
        ("b", 6.0, False),
    ]
    assert {row["trust"] for row in rows} == {"mine"}
    assert {row["label_maturity"] for row in rows} == {"labelled"}
    assert [row["own__double"] for row in learned(store, since_us=HOUR)] == [4.0]
    assert learned(store, known_by_us=9 * DAY - 1) == []


def test_a_time_that_was_not_named_and_a_column_that_was_not_there(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    narrow = pa.schema([field for field in SCHEMA if field.name != "request__trust"])
    land(store, BASE, [{**answered("a", HOUR, 7, 2.0), "t": None}], narrow)
    join(store, {"a": (1.0, 2 * HOUR)})
    (row,) = learned(store)
    assert (row["t"], row["trust"]) == (datetime.fromisoformat("1970-01-01T01:00:00+00:00"), None)


def test_another_definition_is_left_out(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    land(store, "predictions/m/0123456789ab", [answered("a", 0, 7, 2.0)])
    join(store, {"a": (1.0, HOUR)})
    with pytest.raises(NotFound, match="as it is defined now has landed"):
        outcomes_as_training(store, MODEL)
    land(store, BASE, [answered("b", 0, 7, 3.0)])
    join(store, {"a": (1.0, HOUR), "b": (1.0, HOUR)})
    assert [row["id"] for row in learned(store)] == ["b"]
