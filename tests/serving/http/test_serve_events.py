"""Events pushed to `gapless serve`, which is killed: what it acknowledged is in the log, and counts once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import pytest

from gapless.cli import main
from tests.cli.shop import make_shop
from tests.cli.test_push import pushed
from tests.serving.http.processes import ROOT, Running


@pytest.fixture
def shop(tmp_path):
    """Nothing is trained, nothing is live: events are taken all the same."""
    folder = make_shop(tmp_path / "shop")
    (folder / "gapless.toml").write_text("[stream]\npartitions = 2\n")
    return folder


@contextmanager
def started(folder, *words):
    """`gapless serve` on a free port; killed at the end where it still runs."""
    command = [sys.executable, "-m", "gapless", "serve", "--port", "0", "--workspace", str(folder), "--json", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Running(process, json.loads(process.stdout.readline())["url"])
        finally:
            if process.poll() is None:
                process.kill()  # its workers go away with it


def event(name):
    return {"order_id": name, "customer_id": "c", "amount": 1.5, "at": "2024-01-01T00:00:00Z"}


def push_until_gone(server, who, acknowledged, enough):
    """One event after the other; what was acknowledged is noted."""
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as client:
        for i in range(100_000):
            name = f"{who}-{i}"
            try:
                client.request("POST", "/v1/events/orders", json.dumps({"events": [event(name)]}))
                answer = client.getresponse()
                body = answer.read()
            except (http.client.HTTPException, OSError):
                return
            assert answer.status == 200, body
            acknowledged.append(name)
            if len(acknowledged) >= 200:
                enough.set()


def test_what_was_acknowledged_before_a_kill_is_in_the_log_and_counts_once(shop):
    acknowledged, enough = [], threading.Event()
    with started(shop, "--workers", "2") as server:
        threads = [threading.Thread(target=push_until_gone, args=(server, who, acknowledged, enough)) for who in "abcd"]
        for thread in threads:
            thread.start()
        assert enough.wait(120)
        for process in [server.process.pid, *server.children()]:
            os.kill(process, signal.SIGKILL)
        for thread in threads:
            thread.join(120)
    found = [row["order_id"] for row in pushed(shop, "orders", partitions=2)]
    assert len(set(found)) == len(found)
    assert set(acknowledged) <= set(found)

    with started(shop) as server, closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as client:
        client.request("POST", "/v1/events/orders", json.dumps({"events": [event(name) for name in acknowledged]}))
        assert client.getresponse().status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
    assert sorted(row["order_id"] for row in pushed(shop, "orders", partitions=2)) == sorted(found)


def test_an_event_log_that_is_none_is_told_before_anybody_is_told_where_to_ask(shop, capsys):
    (shop / "gapless.toml").write_text('[stores]\nevents = "redis://host"\n')
    assert main(["serve", "--port", "0", "--workspace", str(shop)]) == 1
    assert "[stores] events names something that gapless cannot push to" in capsys.readouterr().err
