"""The shop example, from its dirty files to every value of every feature: bit for bit what plain Python says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import gapless as gl
from gapless.adapters.delta import DeltaStore
from gapless.expr import compile_row
from gapless.ingest import IngestReport
from tests.examples.load import module
from tests.examples.oracle import differences, finite, us
from tests.examples.shop_oracle import Shop

data = module("shop", "data")
product = module("shop", "product").product
MODEL = product.model("will_return")


@dataclass(frozen=True)
class Delivered:
    """A workspace into which every file was ingested, and the oracle that saw the same rows."""

    workspace: gl.Workspace
    reports: dict[str, list[IngestReport]]
    shop: Shop
    files: dict[str, list[list[dict[str, Any]]]]
    paths: dict[str, list[Path]]


def deliver(folder: Path, seed: int, write: Callable[..., Any] = data.write, **sizes: int) -> Delivered:
    (folder / "gapless.toml").write_text('product = "product:product"\n')
    workspace = gl.Workspace.open(folder, product=product)
    files = data.generate(seed, **sizes)
    paths = write(folder / "events", files)
    reports = {source: [workspace.ingest(source, path) for path in parts] for source, parts in paths.items()}
    return Delivered(workspace, reports, Shop(files), files, paths)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("shop"), 7)


def rows(workspace: gl.Workspace, table: str) -> list[dict[str, Any]]:
    return workspace.offline.read(table).read_all().to_pylist()


def test_the_generator_makes_every_defect() -> None:
    files = data.generate(7)
    assert repr(files) == repr(data.generate(7))  # a NaN is not equal to itself
    payments = [row for part in files["payments"] for row in part]
    amounts = {repr(row["amount"]) for row in payments}
    assert {"nan", "inf", "-inf", "None", "-0.0", "1e+16", "5e-324", "1e+308"} <= amounts
    assert {row["customer"] for row in payments} == set(data.CUSTOMERS)
    lateness = [row["booked_at"] - row["paid_at"] for row in payments if row["paid_at"]]
    assert max(lateness).days >= 3
    assert min(lateness).days < 0
    assert any(row["paid_at"] is None for row in payments)


@pytest.mark.parametrize("source", ["orders", "payments", "visits", "prices", "returns"])
def test_every_row_is_accounted_for(delivered: Delivered, source: str) -> None:
    reports = delivered.reports[source]
    assert [report.repeated for report in reports] == [False, False, True, False]
    for report, part in zip(reports, delivered.files[source], strict=True):
        if not report.repeated:
            assert report.rows_read == len(part)
            assert report.rows_read == report.rows_added + report.rows_quarantined + report.rows_duplicate
    reasons = sum((Counter(report.reasons) for report in reports), Counter[str]())
    assert set(reasons) <= {"null_event_time", "event_id_conflict"}
    assert reasons["null_event_time"] == no_time(delivered, source)
    stored = rows(delivered.workspace, f"sources/{source}")
    assert len(stored) == sum(report.rows_added for report in reports)
    assert len(rows(delivered.workspace, f"quarantine/{source}")) == reasons.total()


def no_time(delivered: Delivered, source: str) -> int:
    time = delivered.workspace.product.source(source).event_time
    parts = delivered.files[source]
    return sum(row[time] is None for part in (parts[0], parts[1], parts[3]) for row in part)


def test_ingesting_everything_again_changes_nothing(delivered: Delivered) -> None:
    before = {name: delivered.workspace.offline.version(name) for name in delivered.workspace.offline.tables()}
    again = [delivered.workspace.ingest(s, path) for s, paths in delivered.paths.items() for path in paths]
    assert all(report.repeated for report in again)
    assert before == {name: delivered.workspace.offline.version(name) for name in delivered.workspace.offline.tables()}


def test_every_value_of_every_feature_is_what_plain_python_says(delivered: Delivered) -> None:
    found = delivered.workspace.training_set("will_return", known_by=us(datetime(2100, 1, 1, tzinfo=UTC))).table
    expected = [delivered.shop.features(order) for order in delivered.shop.orders]
    assert found["order_id"].to_pylist() == [order["order_id"] for order in delivered.shop.orders]
    assert set(expected[0]) == set(MODEL.outputs)
    assert differences(found.to_pylist(), expected, list(MODEL.outputs)) == []
    for name in MODEL.outputs:
        assert len({repr(row[name]) for row in expected}) > 1, name


@pytest.mark.parametrize("seed", [11, 12])
def test_other_seeds(tmp_path: Path, seed: int) -> None:
    made = deliver(tmp_path, seed, orders=150, payments=900, visits=900)
    found = made.workspace.training_set("will_return", known_by=us(datetime(2100, 1, 1, tzinfo=UTC))).table
    expected = [made.shop.features(order) for order in made.shop.orders]
    assert differences(found.to_pylist(), expected, list(MODEL.outputs)) == []


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_formats_hold_the_same_rows(tmp_path: Path, kind: str) -> None:
    made = deliver(tmp_path, 13, write_csv if kind == "csv" else write_jsonl, orders=150, payments=900, visits=900)
    found = made.workspace.training_set("will_return", known_by=us(datetime(2100, 1, 1, tzinfo=UTC))).table
    expected = [made.shop.features(order) for order in made.shop.orders]
    assert differences(found.to_pylist(), expected, list(MODEL.outputs)) == []


def write_csv(folder: Path, files: dict[str, list[list[dict[str, Any]]]]) -> dict[str, list[Path]]:
    """Text in quotes, so that an empty one is not a missing one; NaN and infinities as Python writes them."""
    return {source: [csv_file(folder, source, i, part) for i, part in enumerate(p)] for source, p in files.items()}


def csv_file(folder: Path, source: str, number: int, part: list[dict[str, Any]]) -> Path:
    lines = [",".join(part[0]), *(",".join(map(cell, row.values())) for row in part)]
    return written(folder / f"{source}-{number}.csv", "\r\n".join(lines) + "\r\n")


def cell(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return "" if value is None else str(value.isoformat() if isinstance(value, datetime) else value)


def write_jsonl(folder: Path, files: dict[str, list[list[dict[str, Any]]]]) -> dict[str, list[Path]]:
    """What JSON cannot say, NaN and infinities, is left out like null."""
    return {source: [jsonl_file(folder, source, i, part) for i, part in enumerate(p)] for source, p in files.items()}


def jsonl_file(folder: Path, source: str, number: int, part: list[dict[str, Any]]) -> Path:
    rows = [{k: v for k, v in row.items() if finite(v) is not None} for row in part]
    lines = [json.dumps(row, default=datetime.isoformat, ensure_ascii=False) for row in rows]
    return written(folder / f"{source}-{number}.jsonl", "\n".join(lines))


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def test_features_of_a_file_of_requests_are_those_of_the_training_set(delivered: Delivered, tmp_path: Path) -> None:
    requests = pa.Table.from_pylist(delivered.shop.orders[::3], schema=data.SCHEMAS["orders"])
    out = tmp_path / "features.arrow"
    delivered.workspace.features("will_return", requests, out)
    with pa.ipc.open_file(out) as file:
        found = file.read_all().to_pylist()
    expected = [delivered.shop.features(order) for order in delivered.shop.orders[::3]]
    assert differences(found, expected, list(MODEL.outputs)) == []


def test_one_row_at_a_time_gives_the_same_bits(delivered: Delivered) -> None:
    program = compile_row(MODEL.on_demand_expressions)
    expected = [delivered.shop.features(order) for order in delivered.shop.orders]
    pairs = zip(delivered.shop.orders, expected, strict=True)
    found = [program({name: plain(value) for name, value in {**order, **made}.items()}) for order, made in pairs]
    assert differences(found, expected, list(MODEL.on_demand_expressions)) == []


def plain(value: Any) -> Any:
    return us(value) if isinstance(value, datetime) else value


@pytest.mark.parametrize("day", [1, 15, 60])
def test_labels_mature_and_are_corrected(delivered: Delivered, day: int) -> None:
    known_by = datetime(2024, 3, 1, tzinfo=UTC).timestamp() + day * 86_400
    moment = datetime.fromtimestamp(known_by, UTC)
    made = delivered.workspace.training_set("will_return", known_by=us(moment))
    orders = [order for order in delivered.shop.orders if order["ordered_at"] <= moment]
    assert made.table["order_id"].to_pylist() == [order["order_id"] for order in orders]
    found = list(zip(made.table["label_maturity"].to_pylist(), made.table["sent_back"].to_pylist(), strict=True))
    assert found == [delivered.shop.label(order, known_by=moment) for order in orders]
    assert made.manifest.counts == Counter(maturity for maturity, _ in found)
    assert len(set(found)) > 2


def test_trained_and_scored_from_dirty_data(delivered: Delivered) -> None:
    """Amounts beyond float32, missing values, orders of 1969 and 2090: all are learned from and answered."""
    workspace, orders = delivered.workspace, delivered.shop.orders
    trained = workspace.train("will_return", until_us=us(datetime(2024, 3, 25, tzinfo=UTC)))
    assert trained.version == "1"
    out = workspace.settings.folder / "scored" / "will_return"
    for repeated in (0, len(orders)):
        report = workspace.predict("will_return", out, from_us=us(datetime(1960, 1, 1, tzinfo=UTC)))
        assert (report.rows, report.rows_repeated) == (len(orders), repeated)
    table = DeltaStore(out.parent).read(out.name).read_all()
    assert table["request_id"].to_pylist() == [order["order_id"] for order in orders]
    assert all(0 < probability < 1 for probability in table["probability"].to_pylist())


def test_known_by_is_time_travel(delivered: Delivered) -> None:
    """What was asked before a moment has the same features whether or not the world went on."""
    moment = us(datetime(2024, 3, 20, tzinfo=UTC))
    then = delivered.workspace.training_set("will_return", known_by=moment).table
    now = delivered.workspace.training_set("will_return", until=moment + 1).table
    assert then.select(list(MODEL.outputs)).equals(now.select(list(MODEL.outputs)))
