"""A workspace whose events came by the log, wholly or in part, says and makes the same as one with files."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gapless.arrow import TIMESTAMP
from gapless.cli import main
from gapless.errors import NotFound
from gapless.events.landing import land
from gapless.events.payload import pack_rows
from gapless.ports.events import Outgoing
from gapless.workspace import Workspace
from tests.cli.shop import ingest_all, make_shop, tables
from tests.events.memory_log import MemoryLog

_COUNT = 300


def _rows(name):
    return tables(rows=_COUNT)[name]


def _land(shop, name, table):
    """Played back: known as the source says. Two partitions, in the order of the table."""
    source, log = shop.product.source(name), MemoryLog()
    plain = [(c.cast(TIMESTAMP).cast(pa.int64()) if pa.types.is_timestamp(c.type) else c).to_pylist() for c in table]
    rows = [dict(zip(table.column_names, row, strict=True)) for row in zip(*plain, strict=True)]
    log.create(f"events.{name}", 2)
    for partition, part in enumerate((rows[: len(rows) // 2], rows[len(rows) // 2 :])):
        for value, headers in pack_rows(source, part, [row[source.event_time] for row in part]):
            log.append(f"events.{name}", [Outgoing(partition, value, b"", headers)])
        land(log, shop.offline, source, partition)


@pytest.fixture(scope="module")
def of_files(tmp_path_factory):
    shop = Workspace.open(make_shop(tmp_path_factory.mktemp("files")))
    for name in shop.product.all_sources:
        shop.ingest(name, _rows(name))
    return shop


@pytest.mark.parametrize("from_files", [0, 120])
def test_features_training_sets_and_status_are_those_of_files(from_files, of_files, tmp_path):
    shop = Workspace.open(make_shop(tmp_path / "shop"))
    for name in shop.product.all_sources:
        if from_files:
            shop.ingest(name, _rows(name).slice(0, from_files))
        _land(shop, name, _rows(name).slice(from_files))
    expected, found = of_files.training_set("will_return"), shop.training_set("will_return")
    assert found.table.equals(expected.table)
    assert found.manifest.content_hash == expected.manifest.content_hash
    asked = _rows("checkouts").slice(0, 50)
    one, other = (
        each.features("will_return", asked, tmp_path / f"{i}.parquet") for i, each in enumerate((of_files, shop))
    )
    assert one.content_hash == other.content_hash
    for before, now in zip(of_files.status()["sources"], shop.status()["sources"], strict=True):
        assert now == before | {"landed": _COUNT - from_files, "version": 0 if from_files else None}
    assert main(["status", "--workspace", str(tmp_path / "shop")]) == 0


def test_training_and_predicting_of_landed_events(tmp_path):
    """Versions that name partitions go into the run and come back from it."""
    shop = Workspace.open(make_shop(tmp_path / "shop"))
    whole = tables()
    for name in shop.product.all_sources:
        _land(shop, name, whole[name])
    shop.train("will_return")
    assert "orders/1" in str(shop.describe("will_return"))
    first = shop.predict("will_return", tmp_path / "out", from_us=0, until_us=2**52)
    assert (first.rows, dict(first.sources)["orders/0"]) == (1_500, 0)
    shop.ingest("orders", _rows("orders").slice(0, 1).set_column(0, "order_id", pa.array(["late"])))
    again = shop.predict("will_return", tmp_path / "out", from_us=0, until_us=2**52)
    assert (again.rows_repeated, again.newer_sources, again.sources) == (1_500, ("orders",), first.sources)


def test_a_source_that_has_nothing_at_all_is_said(tmp_path):
    shop = Workspace.open(make_shop(tmp_path / "shop"))
    _land(shop, "orders", _rows("orders"))
    with pytest.raises(NotFound, match="'checkouts' has no events"):
        shop.training_set("will_return")
    ingest_all(tmp_path / "shop")
    assert shop.training_set("will_return").manifest.rows == 1_500
