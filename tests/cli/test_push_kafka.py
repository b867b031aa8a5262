"""Events pushed to a real Kafka that gapless.toml names: by the command, and over HTTP."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from gapless.adapters.kafka import KafkaEventLog
from gapless.events.intake import Intake
from gapless.events.pushing import Pusher
from gapless.serving.http import Pushing
from gapless.workspace import Workspace
from tests.cli.shop import answer, make_shop, tables
from tests.events.clicks import shown
from tests.serving.http.basket import application
from tests.serving.http.client import ask, asked


@pytest.fixture
def workspace(tmp_path, kafka):
    folder = make_shop(tmp_path / "shop")
    url = kafka.url(prefix=uuid.uuid4().hex[:8])
    (folder / "gapless.toml").write_text(f'[stores]\nevents = "{url}"\n[stream]\npartitions = 3\n')
    opened = Workspace.open(folder)
    yield opened
    opened.events.close()


def ids(workspace):
    """What a reader takes in."""
    source, found = workspace.product.source("orders"), []
    for partition in range(3):
        records, offset = [], 0
        while more := workspace.events.read("events.orders", partition, offset, max_bytes=1 << 24):
            records, offset = [*records, *more], more[-1].offset + 1
        taken = Intake(source, partition).take(records)
        assert taken.rejected == []
        found += [row["order_id"] for row in shown(taken.rows)]
    return found


def test_a_file_pushed_twice_counts_once(workspace, capsys):
    folder = workspace.settings.folder
    for _ in range(2):
        report = answer(capsys, "push", "orders", str(folder / "orders.parquet"), "--workspace", str(folder))
        assert report["files"][0]["rows_pushed"] == 1_500
    assert sorted(ids(workspace)) == sorted(tables()["orders"]["order_id"].to_pylist())


def test_many_clients_push_over_http(workspace):
    pushing = Pushing(workspace.pusher, lambda: workspace.product.all_sources, time.monotonic)
    app = application(pushing=pushing)

    async def all_of_them():
        bodies = [{"events": [{"order_id": f"h{i}", "at": i}]} for i in range(300)]
        return await asyncio.gather(*(asked(app, "POST", "/v1/events/orders", body) for body in bodies))

    assert {got.status for got in asyncio.run(all_of_them())} == {200}
    assert sorted(ids(workspace)) == sorted(f"h{i}" for i in range(300))
    pushing.close()


def test_a_broker_that_is_away_is_503(tmp_path):
    workspace = Workspace.open(make_shop(tmp_path / "shop"))
    log = KafkaEventLog("kafka://127.0.0.1:1/", new_id=lambda: "away", timeout_s=0.5)
    pushing = Pushing(Pusher(log, workspace.clock), lambda: workspace.product.all_sources, time.monotonic)
    got = ask(application(pushing=pushing), "POST", "/v1/events/orders", {"events": [{"order_id": "a", "at": 5}]})
    assert (got.status, got.error["code"], got.headers["retry-after"]) == (503, "events_failed", "1")
    pushing.close()
    log.close()
