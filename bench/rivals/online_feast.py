"""Feast's SDK on its SQLite online store: the same features, as stored values."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

from bench.child import serve
from bench.timing import medians

SETTINGS = """
project: bench
provider: local
registry: registry.db
online_store: {type: sqlite, path: online.db}
offline_store: {type: file}
entity_key_serialization_version: 3
"""


def fill(options: dict[str, Any]) -> FeatureStore:
    """A repository with all features of all keys in its online store."""
    folder, table = Path(options["folder"]), pd.read_parquet(options["features"])
    if (folder / "feature_store.yaml").exists():
        return FeatureStore(str(folder))
    folder.mkdir(parents=True)
    (folder / "feature_store.yaml").write_text(SETTINGS)
    key = Entity(name="key", join_keys=["key"], value_type=ValueType.STRING)
    names = feature_names(table)
    view = FeatureView(
        name="view",
        entities=[key],
        ttl=timedelta(0),
        schema=[Field(name=name, dtype=Float64) for name in names],
        source=FileSource(path=options["features"], timestamp_field="event_timestamp"),
    )
    store = FeatureStore(str(folder))
    store.apply([key, view])
    store.write_to_online_store("view", table)
    return store


def feature_names(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name not in ("key", "event_timestamp")]


def prepare(options: dict[str, Any]) -> Any:
    store = fill(options)
    names = feature_names(pd.read_parquet(options["features"]))
    references = [f"view:{name}" for name in names]

    def read(keys: list[str]) -> dict[str, list[Any]]:
        return store.get_online_features(features=references, entity_rows=[{"key": key} for key in keys]).to_dict()

    read(options["keys"][:1])
    return options, read


def work(state: Any) -> dict[str, float]:
    options, read = state
    return medians(read, options["keys"], options["sizes"], options["seconds"])


def finish(options: dict[str, Any], found: dict[str, float]) -> dict[str, Any]:
    _, read = prepare(options)
    columns = read(options["keys"][: options["sample"]])
    names = [name for name in columns if name != "key"]
    rows = zip(*(columns[name] for name in names), strict=True)
    return {"medians": found, "sample": [dict(zip(names, row, strict=True)) for row in rows]}


if __name__ == "__main__":
    if "fill" in json.loads(sys.argv[1]):
        fill(json.loads(sys.argv[1]))
    else:
        serve(prepare, work, finish)
