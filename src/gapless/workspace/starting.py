"""A first product.py, written from the files a newcomer has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from gapless.errors import InputError
from gapless.product import check_name
from gapless.workspace.settings import FILE

__all__ = ["start"]

_TOML = """\
# What the product {name!r} runs on. Every line has this default; paths start at this file.
product = "product:product"

[stores]
offline = "./.gapless/offline"                  # Delta tables
tracking = "sqlite:///./.gapless/mlflow.db"     # any MLflow tracking URI
"""

_HEAD = '''\
"""The product {name}: what is predicted, from which events, and how it is learned.

Next:
    1. describe your events as EventSources (types, times, ids),
    2. declare features, a label and a model,
    3. gapless ingest SOURCE FILE, then gapless train MODEL.
"""

from datetime import datetime

import gapless as gl
'''

_SOURCE = """
# {file}: {rows:,} rows
{name} = gl.EventSource(
    "{name}",
    schema={{
{columns}
    }},
    event_time={event_time},{event_time_note}
{event_id})
"""

_REST = """
# An entity is what features are about; requests carry a column of the same name.
# customer = gl.Entity("customer", keys=["customer_id"])
#
#
# @gl.feature_view(entity=customer, source=orders)
# def spend(o):
#     return {
#         "orders": gl.count(windows=["1d", "30d"]),
#         "total": gl.sum(o.amount, windows=["30d"]),
#         "latest": gl.last(o.amount),
#     }
#
#
# @gl.on_demand
# def basket(r):  # r: the request and every feature above
#     return {"hour": r.asked_at.hour("Europe/Berlin"), "over_usual": r.amount > r.spend.latest}
#
#
# def estimator():
#     from sklearn.ensemble import HistGradientBoostingClassifier
#
#     return HistGradientBoostingClassifier(random_state=0)
#
#
# returned = gl.Label("returned", source=returns, value=lambda r: r.refund > 0, give_up_after="30d")
# will_return = gl.Model(
#     "will_return", requests=checkouts, features=[spend, basket], label=returned, estimator=estimator,
#     metrics=["roc_auc", "log_loss", "brier"],
# )
# product = gl.Product("{name}", models=[will_return])
"""


def start(folder: Path, files: Mapping[str, Path]) -> list[Path]:
    """Writes gapless.toml and product.py into `folder`; returns what was written. Files that exist are left alone.

    Parameters:
        files — source name to a Parquet, CSV or JSON lines file whose schema the source gets.

    Raises: InputError for a file that cannot be read or a column that gapless does not hold.
    """
    name = (
        "".join(c if c.isalnum() and c.isascii() else "_" for c in folder.resolve().name).strip("_").lower()
        or "product"
    )
    sources = [_source(source, file) for source, file in files.items()]
    texts = {
        FILE: _TOML.format(name=name),
        "product.py": _HEAD.format(name=name) + "\n".join(sources) + _REST.replace("{name}", name),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file_name, text in texts.items():
        path = folder / file_name
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _source(name: str, file: Path) -> str:
    check_name("event source", name)
    formats = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
    try:
        data = ds.dataset(str(file), format=formats.get(file.suffix.lower(), "parquet"))
        rows, schema, first = data.count_rows(), data.schema, data.head(100_000)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"the file for source {name!r} cannot be read",
            seen=f"{file}: {error}",
            allowed="a Parquet, CSV or JSON lines file",
            next_step="check the path and the ending",
        ) from error
    kinds = {field.name: _python_type(field) for field in schema}
    times = [column for column, kind in kinds.items() if kind == "datetime"]
    ids = [c for c, kind in kinds.items() if kind in ("str", "int") and c.endswith("id") and _unique(first, c)]
    return _SOURCE.format(
        name=name,
        file=file.name,
        rows=rows,
        columns="\n".join(f'        "{column}": {kind},' for column, kind in kinds.items()),
        event_time=f'"{times[0]}"' if times else '"WHICH COLUMN"',
        event_time_note=f"  # or {', '.join(times[1:])}" if len(times) > 1 else "",
        event_id=f'    event_id="{ids[0]}",\n' if ids else "",
    )


def _unique(table: pa.Table, column: str) -> bool:
    return len(table.column(column).unique()) == len(table)


def _python_type(field: pa.Field) -> str:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    checks = (
        (pa.types.is_boolean, "bool"),
        (pa.types.is_integer, "int"),
        (pa.types.is_floating, "float"),
        (pa.types.is_decimal, "float"),
        (pa.types.is_timestamp, "datetime"),
        (pa.types.is_date, "datetime"),
        (pa.types.is_string, "str"),
        (pa.types.is_large_string, "str"),
        (pa.types.is_null, "float"),
    )
    for check, name in checks:
        if check(kind):
            return name
    raise InputError(
        f"column {field.name!r} has a type that gapless does not hold",
        seen=str(kind),
        allowed="numbers, text, booleans and timestamps",
        next_step="flatten or drop the column where the file is written",
    )
