"""A first product.py, written from the files a newcomer has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import csv
from pyarrow import json as pa_json

from gapless.errors import DefinitionError, InputError
from gapless.product import check_name
from gapless.schema import Schema
from gapless.workspace.settings import FILE

__all__ = ["start"]

_FIRST = 100_000
"""So many rows are looked at."""

_TOML = """\
# What the product {name!r} runs on. Every line has this default; paths start at this file.
product = "product:product"

[stores]
offline = "./.gapless/offline"                  # the folder of the Delta tables
online = "lmdb:./.gapless/online"               # or redis://HOST:PORT/DB, for servers on several machines
events = "file:./.gapless/events"               # what is pushed; or kafka://HOST:PORT, for several machines
log = "file:./.gapless/log"                     # what servers answered, until gapless compact
metadata = "sqlite:///./.gapless/metadata.db"   # or postgresql://USER@HOST:PORT/DATABASE: deployments, tokens
tracking = "sqlite:///./.gapless/mlflow.db"     # any MLflow tracking URI

[stream]
partitions = 1                                  # of a source's topic; more of them share the work on Kafka
"""

_HEAD = '''\
"""The product {name}: what is predicted, from which events, and how it is learned.

Next:
    1. check each EventSource: which column is the event time, when its rows become known, which column names the event,
    2. declare features, a label and a model in place of the comments at the end,
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
{known_at}{event_id})
"""

_NO_TIME = "  # none reads as datetime; if one holds ISO 8601 text, declare it datetime"

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

    Raises: InputError for a file that cannot be read.
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
    check_name("event source", name, where=f"--source {name}={file}")
    if not file.is_file():
        raise InputError(
            f"the file for source {name!r} cannot be read",
            seen=f"{file}: {'a folder' if file.is_dir() else 'no such file'}",
            allowed="a Parquet, CSV or JSON lines file",
            next_step=f"look at what is in {file.parent}",
        )
    try:
        data = _read(file)
        rows, schema, first = data.count_rows(), data.schema, data.head(_FIRST)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"the file for source {name!r} cannot be read",
            seen=f"{file}: {error}",
            allowed="a Parquet, CSV or JSON lines file",
            next_step="check the path and the ending",
        ) from error
    kinds = {field.name: _python_type(field) for field in schema}
    readable = {column: kind for column, kind in kinds.items() if kind and _is_readable(column)}
    times = [column for column, kind in readable.items() if kind == "datetime"]
    ids = [column for column, kind in readable.items() if kind in ("str", "int") and column.endswith("id")]
    return _SOURCE.format(
        name=name,
        file=file.name,
        rows=rows,
        columns="\n".join(_line(field, readable.get(field.name), kinds[field.name]) for field in schema),
        event_time=f'"{times[0]}"' if times else '"WHICH COLUMN"',
        event_time_note=f"  # or {', '.join(times[1:])}" if times[1:] else "" if times else _NO_TIME,
        known_at=f'    # known_at="{times[-1]}",  # if rows become known later than they happen\n' if times[1:] else "",
        event_id=_event_id(first, ids),
    )


def _read(file: Path) -> ds.Dataset:
    """The file, without lines that make no row: ingest puts those aside, so they are no reason to refuse it here."""
    ending = file.suffix.lower()
    if ending in (".csv", ".tsv"):
        comma = "\t" if ending == ".tsv" else ","
        lines = csv.ParseOptions(delimiter=comma, invalid_row_handler=lambda row: "skip")
        return ds.dataset(str(file), format=ds.CsvFileFormat(parse_options=lines))
    if ending not in (".json", ".jsonl", ".ndjson"):
        return ds.dataset(str(file), format="parquet")
    try:
        data = ds.dataset(str(file), format="json")
        data.count_rows()
    except pa.ArrowInvalid:
        return ds.dataset(_whole_lines(file))
    return data


def _whole_lines(file: Path) -> pa.Table:
    with file.open("rb") as lines:
        whole = b"".join(line for line in islice(lines, _FIRST) if _is_object(line))
    return pa_json.read_json(BytesIO(whole))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _is_readable(column: str) -> bool:
    try:
        Schema.of({column: str})
    except DefinitionError:
        return False
    return True


def _line(field: pa.Field, kind: str | None, held: str | None) -> str:
    """A line of the schema; a column that gapless cannot read stays visible, in a comment."""
    if kind:
        return f'        "{field.name}": {kind},'
    why = f"no type for {field.type}" if held is None else "rename it in the file to read it: not a plain name"
    return f"        # left out: {field.name!r} ({why})"


def _event_id(first: pa.Table, ids: Sequence[str]) -> str:
    if not ids:
        return ""
    best = max(ids, key=lambda column: _distinct(first, column))  # the first of several
    if _distinct(first, best) == len(first):
        return f'    event_id="{best}",\n'
    return f'    # event_id="{best}",  # repeats in the file: right if a repeated row is the same event again\n'


def _distinct(table: pa.Table, column: str) -> int:
    return len(table.column(column).unique())


def _python_type(field: pa.Field) -> str | None:
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
    return None
