"""Real server processes: going away under load, workers that are killed, counts of several processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from contextlib import closing

import msgspec
import pytest

from gapless.adapters.segments import SegmentReader
from gapless.errors import SettingsError
from gapless.serving.http import listen
from gapless.serving.http.meters import Snapshot, summed
from tests.serving.http.processes import Running, basket
from tests.serving.http.test_state import sample

PATH = "/v1/models/basket/predict"


class Client(threading.Thread):
    """Keeps a connection open and asks on it, one request after the other, until the server tells it to leave.

    A connection that cannot be opened any more is the end of the server; a request that was sent on an open one and got
    no answer is `broken`.
    """

    def __init__(self, server: Running, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.server, self.answered, self.broken, self.reconnected = server, 0, [], 0
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            with closing(http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)) as connection:
                try:
                    connection.connect()
                except OSError:
                    return
                self.reconnected += 1
                if not self.ask_on(connection):
                    return

    def ask_on(self, connection: http.client.HTTPConnection) -> bool:
        """Whether the server went on: it closed the connection by saying so, or was not asked to stop."""
        first = True
        while not self.stop.is_set():
            try:
                connection.request("POST", PATH, self.body())
                got = connection.getresponse()
                document = json.loads(got.read())
            except OSError as error:
                if not first:  # a new connection may be refused by who leaves; a kept one may not be broken
                    self.broken.append(repr(error))
                return False
            assert document["predictions"][0]["request_id"] == f"{self.name}-{self.answered}"
            self.answered += 1
            if got.getheader("connection") == "close":
                return True
            first = False
        return True

    def body(self) -> bytes:
        return json.dumps({"requests": [{"basket_id": f"{self.name}-{self.answered}", "amount": 1}]}).encode()


def test_nobody_who_keeps_a_connection_is_broken_when_the_server_goes_away(tmp_path):
    with basket(tmp_path, drain_s=1.0) as server:
        clients = [Client(server, f"c{i}") for i in range(6)]
        for client in clients:
            client.start()
        while min(client.answered for client in clients) < 20:
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(60)
        assert server.process.wait(60) == 0
    assert [client.broken for client in clients] == [[]] * len(clients)
    assert all(client.reconnected > 1 for client in clients)  # each was told to leave
    reader = SegmentReader(tmp_path / "log")
    logged = sum(1 for segment in reader.sealed() for _ in reader.read(segment))
    assert logged >= sum(client.answered for client in clients)  # what was acknowledged is there


def test_who_is_idle_is_waited_for_no_longer_than_the_drain(tmp_path):
    with basket(tmp_path, drain_s=0.5) as server, socket.create_connection((server.host, server.port)) as idle:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert idle.recv(1) == b""


def test_a_request_under_way_is_answered_before_the_end(tmp_path):
    many = {"requests": [{"basket_id": str(i), "amount": i} for i in range(10_000)]}
    with (
        basket(tmp_path, drain_s=0.0) as server,
        closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection,
    ):
        connection.request("POST", PATH, json.dumps(many).encode())
        time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        assert len(json.loads(connection.getresponse().read())["predictions"]) == 10_000


def test_a_worker_that_is_killed_is_replaced_while_the_other_answers(tmp_path):
    errors = tmp_path / "stderr"
    with basket(tmp_path, workers=2, errors=errors) as server:
        first = server.children()
        assert len(first) == 2
        for _ in range(20):
            server.get("/v1/models")
        until(lambda: published(tmp_path) >= 20)  # each second: what a killed worker counted since is lost
        os.kill(first[0], signal.SIGKILL)
        for _ in range(20):
            assert server.get("/v1/models")
        until(lambda: len(server.children()) == 2 and set(server.children()) != set(first))
        assert first[1] in server.children()
        server.wait_ready()
        until(lambda: (sample(server.get("/metrics"), "gapless_requests_total", **LISTED) or 0) >= 40)
        (new,) = set(server.children()) - set(first)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
    assert errors.read_text().splitlines() == [f"worker {first[0]} died of signal 9; worker {new} takes its place"]


LISTED = {"route": "/v1/models", "method": "GET", "status": "200"}


def published(folder):
    """How many requests the workers' files hold together."""
    snapshots = [
        msgspec.msgpack.decode(text, type=Snapshot) for file in folder.glob("*.counts") if (text := file.read_bytes())
    ]
    return summed(snapshots).counts.get(("gapless_requests", tuple(LISTED.values())), 0)


def until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_whose_supervisor_is_killed_go_away_too(tmp_path):
    with basket(tmp_path, workers=2, drain_s=0.2) as server:
        workers = server.children()
        server.process.kill()
        server.process.wait(60)
        until(lambda: not any(is_running(pid) for pid in workers))


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_port_that_is_taken_is_an_error_that_says_so():
    with listen("127.0.0.1", 0) as taken:
        host, port = taken.getsockname()
        with pytest.raises(SettingsError, match="cannot listen") as caught:
            listen(host, port)
        assert "another --port" in str(caught.value)
    with pytest.raises(SettingsError, match="cannot listen") as caught:
        listen("no such host", 0)
    assert "a --host that is" in str(caught.value)
